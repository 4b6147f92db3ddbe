"""How many replicas the HorizontalPodAutoscaler's metric calls for, before any limit."""

from dataclasses import dataclass
from math import ceil, floor

from marskit import text

_FULL = 1.0
"""Utilisation that a replica without a metric counts as when scaling down, at least."""


@dataclass(frozen=True, slots=True)
class Metered:
    """What is known of the replicas of one workload."""

    desired: int
    ready: int
    measured: int
    """Ready replicas with a metric."""
    busy: float
    """Sum of the utilisations of the measured replicas, each 0 to 1 and more."""

    @property
    def starting(self) -> int:
        """Desired replicas that are not ready."""
        return max(0, self.desired - self.ready)

    @property
    def unmeasured(self) -> int:
        """Ready replicas without a metric."""
        return self.ready - self.measured


@dataclass(frozen=True, slots=True)
class Proposal:
    """The replicas that the metric calls for, and the arithmetic in words."""

    replicas: int
    sentence: str


def propose(metered: Metered, target_percent: int, tolerance: float) -> Proposal | None:
    """The replicas that bring utilisation to its target: `ceil(counted * utilisation / target)`.

    Utilisation is rounded down to whole percents, as in the controller. When scaling up, replicas that are
    starting and those without a metric count as idle. When scaling down, those without a metric count as
    fully busy, and those that are starting do not count. If that turns the direction, nothing is done.

    Returns:
        None without any metric, which makes the controller leave the workload alone.
    """
    if metered.measured <= 0:
        return None
    keep = metered.desired
    counted, busy = metered.measured, metered.busy
    seen = usage = _whole_percent(busy, counted)
    assumed = []
    if metered.unmeasured > 0 and seen != target_percent:
        rises = seen > target_percent
        counted += metered.unmeasured
        busy += 0.0 if rises else metered.unmeasured * max(_FULL, target_percent / 100)
        assumed.append(f"{text.count(metered.unmeasured, 'replica')} without a metric")
    if metered.starting and seen > target_percent:
        counted += metered.starting
        assumed.append(f"{text.count(metered.starting, 'starting replica')}")
    if assumed:
        usage = _whole_percent(busy, counted)
        if (usage - target_percent) * (seen - target_percent) < 0:
            return Proposal(keep, f"with {' and '.join(assumed)}, there may be enough")
    ratio = usage / target_percent
    # In floats, as the controller up to Kubernetes 1.32 compares: 77 % on a target of 70 % is beyond 0.1.
    if abs(1 - ratio) <= tolerance:
        return Proposal(keep, f"{usage} % is within {text.share(tolerance)} of {target_percent} %")
    replicas = ceil(ratio * counted)
    sentence = f"ceil({counted} × {usage} % / {target_percent} %) = {replicas}"
    if assumed and (replicas - keep) * (ratio - 1) < 0:
        return Proposal(keep, f"{sentence}, which is the wrong direction")
    return Proposal(replicas, sentence)


def _whole_percent(busy: float, replicas: int) -> int:
    """The percentage rounded down like the controller's, but not because 0.57 * 100 is a little under 57."""
    return floor(100 * busy / replicas + 1e-9)
