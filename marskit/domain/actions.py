"""The closed set of actions that marskit can apply to a mesh; every adapter executes the same ones."""

from dataclasses import dataclass
from typing import assert_never

from marskit.domain.config import OutlierDetection, Retries


@dataclass(frozen=True, slots=True)
class Scale:
    """Set a Deployment's `spec.replicas`."""

    workload: str
    replicas: int


@dataclass(frozen=True, slots=True)
class ShiftTraffic:
    """Set the weights of one route of a VirtualService, which must add up to 100."""

    virtual_service: str
    route: int
    weights_percent: tuple[tuple[str, int], ...]
    """`(subset, weight)` for every destination of the route."""


@dataclass(frozen=True, slots=True)
class SetTimeout:
    """Set one route's timeout; None removes it."""

    virtual_service: str
    route: int
    timeout_ms: int | None


@dataclass(frozen=True, slots=True)
class SetRetries:
    """Set one route's retry policy; None removes it, and the mesh's default applies."""

    virtual_service: str
    route: int
    retries: Retries | None


@dataclass(frozen=True, slots=True)
class SetOutlierDetection:
    """Set when a DestinationRule ejects a replica; None removes the setting."""

    destination_rule: str
    outlier_detection: OutlierDetection | None


Action = Scale | ShiftTraffic | SetTimeout | SetRetries | SetOutlierDetection
"""Doing nothing is not an action but a plan without actions."""


def describe(action: Action) -> str:
    """The action in a few words, for logs and screens."""
    match action:
        case Scale(workload, replicas):
            return f"scale {workload} to {replicas}"
        case ShiftTraffic(virtual_service, _, weights):
            shares = ", ".join(f"{subset} {weight}%" for subset, weight in weights)
            return f"shift {virtual_service} to {shares}"
        case SetTimeout(virtual_service, route, None):
            return f"remove timeout of {virtual_service}[{route}]"
        case SetTimeout(virtual_service, route, timeout_ms):
            return f"set timeout of {virtual_service}[{route}] to {timeout_ms} ms"
        case SetRetries(virtual_service, route, retries):
            if retries is None:
                return f"remove retries of {virtual_service}[{route}]"
            return f"set retries of {virtual_service}[{route}] to {retries.attempts}"
        case SetOutlierDetection(destination_rule, outlier):
            if outlier is None:
                return f"remove outlier detection of {destination_rule}"
            errors = f"{outlier.consecutive_5xx} error{'' if outlier.consecutive_5xx == 1 else 's'}"
            return f"eject replicas of {destination_rule} after {errors}"
        case _:
            assert_never(action)


def target(action: Action) -> str:
    """The object that the action changes; each has its own cool-down."""
    match action:
        case Scale():
            return f"deployment/{action.workload}"
        case ShiftTraffic() | SetTimeout() | SetRetries():
            return f"virtualservice/{action.virtual_service}[{action.route}]"
        case SetOutlierDetection():
            return f"destinationrule/{action.destination_rule}"
        case _:
            assert_never(action)
