"""What an adapter of a mesh can do and measure, so that nobody has to ask for its name."""

from dataclasses import dataclass
from enum import StrEnum

from marskit.domain.actions import Action, Scale, SetOutlierDetection, SetRetries, SetTimeout, ShiftTraffic
from marskit.domain.faults import ClearFaults, Delay, Fault, HangReplica, InjectErrors, KillReplica, SlowDown


class ActionKind(StrEnum):
    """The kinds of action."""

    SCALE = "scale"
    SHIFT_TRAFFIC = "shift traffic"
    SET_TIMEOUT = "set timeout"
    SET_RETRIES = "set retries"
    SET_OUTLIER_DETECTION = "set outlier detection"


class FaultKind(StrEnum):
    """The kinds of fault."""

    KILL_REPLICA = "kill replica"
    HANG_REPLICA = "hang replica"
    SLOW_DOWN = "slow down"
    INJECT_ERRORS = "inject errors"
    DELAY = "delay"
    CLEAR = "clear"


_ACTIONS: dict[type[Action], ActionKind] = {
    Scale: ActionKind.SCALE,
    ShiftTraffic: ActionKind.SHIFT_TRAFFIC,
    SetTimeout: ActionKind.SET_TIMEOUT,
    SetRetries: ActionKind.SET_RETRIES,
    SetOutlierDetection: ActionKind.SET_OUTLIER_DETECTION,
}
_FAULTS: dict[type[Fault], FaultKind] = {
    KillReplica: FaultKind.KILL_REPLICA,
    HangReplica: FaultKind.HANG_REPLICA,
    SlowDown: FaultKind.SLOW_DOWN,
    InjectErrors: FaultKind.INJECT_ERRORS,
    Delay: FaultKind.DELAY,
    ClearFaults: FaultKind.CLEAR,
}


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an adapter can do and measure, and its limits."""

    is_simulated: bool
    """Whether the mesh is a model, in time of its own."""
    can_hold_time: bool
    """Whether its time can stand still while nothing is to happen."""
    sample_period_s: float
    """Shortest time between two samples that differ, in seconds of the run's clock; 0 is no limit."""
    actions: tuple[ActionKind, ...] = tuple(ActionKind)
    """The actions that it carries out."""
    without_effect: tuple[ActionKind, ...] = ()
    """Those of them that change its configuration and nothing else."""
    faults: tuple[FaultKind, ...] = tuple(FaultKind)
    measures_in_flight: bool = True
    measures_utilisation: bool = True
    measures_queues: bool = True
    knows_service_times: bool = False
    """Whether the work per request is given rather than estimated."""

    def can_do(self, action: Action) -> bool:
        """Whether the adapter carries out actions of this kind."""
        return _ACTIONS[type(action)] in self.actions

    def has_effect(self, action: Action) -> bool:
        """Whether such an action changes what requests experience."""
        return self.can_do(action) and _ACTIONS[type(action)] not in self.without_effect

    def can_inject(self, fault: Fault) -> bool:
        """Whether the adapter injects faults of this kind."""
        return _FAULTS[type(fault)] in self.faults
