"""An action as a few characters, for small boxes."""

from typing import assert_never

from marskit import text
from marskit.domain.actions import Action, Scale, SetOutlierDetection, SetRetries, SetTimeout, ShiftTraffic


def brief(action: Action) -> str:
    """The change only: `payments→4`, `food 70 music 30`."""
    match action:
        case Scale(workload, replicas):
            return f"{workload}→{replicas}"
        case ShiftTraffic(weights_percent=weights):
            return " ".join(f"{subset} {weight}" for subset, weight in weights)
        case SetTimeout(timeout_ms=timeout_ms):
            return f"timeout {text.NOTHING if timeout_ms is None else text.ms(timeout_ms)}"
        case SetRetries(retries=retries):
            return f"retries {text.NOTHING if retries is None else retries.attempts}"
        case SetOutlierDetection(outlier_detection=outlier):
            return "no ejection" if outlier is None else f"eject after {outlier.consecutive_5xx}"
        case _:
            assert_never(action)
