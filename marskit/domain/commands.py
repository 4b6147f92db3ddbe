"""What a person or a script may ask of the controller; a command may fail loudly."""

from dataclasses import dataclass

from marskit.domain.actions import Action
from marskit.domain.faults import Fault
from marskit.domain.records import Mode, Origin, ShieldChange
from marskit.errors import UserError


@dataclass(frozen=True, slots=True)
class StepPhase:
    """Do the next phase of the loop, then pause."""


@dataclass(frozen=True, slots=True)
class StepCycle:
    """Finish the cycle under way, or do a whole one, then pause."""


@dataclass(frozen=True, slots=True)
class Run:
    """Let the loop turn once every period."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop turning; the phase under way is finished."""


@dataclass(frozen=True, slots=True)
class SetMode:
    """Change how far the loop may go by itself."""

    mode: Mode


@dataclass(frozen=True, slots=True)
class SetPlanner:
    """Let another planner decide from the next Plan phase on."""

    planner: str


@dataclass(frozen=True, slots=True)
class Approve:
    """Execute the plan that waits for approval."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Drop the plan that waits for approval."""


@dataclass(frozen=True, slots=True)
class Undo:
    """Execute the recorded inverse of an execution; of the newest one not yet undone by default."""

    execution: int | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """Execute an action that a person chose; the shield applies."""

    action: Action
    origin: Origin = Origin.PERSON
    """Who chose it at first, where it is only repeated."""


@dataclass(frozen=True, slots=True)
class Inject:
    """Break something."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class SetLoadFactor:
    """Ask for so many times the scenario's own rate; 1 is normal."""

    factor: float


@dataclass(frozen=True, slots=True)
class SetScenario:
    """Start another load scenario from its beginning."""

    scenario: str


Command = (
    StepPhase
    | StepCycle
    | Run
    | Pause
    | SetMode
    | SetPlanner
    | Approve
    | Reject
    | Undo
    | Act
    | Inject
    | SetLoadFactor
    | SetScenario
)


@dataclass(frozen=True, slots=True)
class DryRun:
    """What acting would do now, worked out with nothing written."""

    action: Action
    """What the shield leaves of the action that was asked for."""
    changes: tuple[ShieldChange, ...]
    """What the shield changed about it, and why."""
    command: str
    """The exact `kubectl` command a person would type."""
    diff: str
    """The unified diff of the manifest."""
    inverse_command: str | None
    """The command that takes it back."""


class CommandError(UserError):
    """A command that cannot be carried out, with one sentence saying why."""
