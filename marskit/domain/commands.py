"""The commands that a person or a script can send to the controller; a command may fail with an error."""

from dataclasses import dataclass

from marskit.domain.actions import Action
from marskit.domain.faults import Fault
from marskit.domain.plan import ShieldChange
from marskit.domain.records import Mode, Origin
from marskit.errors import UserError


@dataclass(frozen=True, slots=True)
class StepPhase:
    """Run the next phase of the loop, then pause."""


@dataclass(frozen=True, slots=True)
class StepCycle:
    """Finish the cycle under way, or run a whole one, then pause."""


@dataclass(frozen=True, slots=True)
class Run:
    """Run one cycle every period."""

    cycles: int | None = None
    """Pause after that many cycles, the one under way included; None runs until paused."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Pause after the phase under way."""


@dataclass(frozen=True, slots=True)
class SetPace:
    """Let the twin's time pass at another pace."""

    pace: float | None
    """Its seconds per real second; None is as fast as possible."""


@dataclass(frozen=True, slots=True)
class SetMode:
    """Change what the loop may do without a person."""

    mode: Mode


@dataclass(frozen=True, slots=True)
class SetPlanner:
    """Let another planner decide from the next Plan phase on."""

    planner: str


@dataclass(frozen=True, slots=True)
class Approve:
    """Execute the plan that awaits approval, if it is this one."""

    cycle: int
    revision: int
    """Number of the plan within its cycle, from 1: a plan that a person has not seen is not approved."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Drop the plan that awaits approval, if it is this one."""

    cycle: int
    revision: int


@dataclass(frozen=True, slots=True)
class Replan:
    """Plan again for the present, in place of the plan that awaits approval."""


@dataclass(frozen=True, slots=True)
class Undo:
    """Execute the recorded inverse of an execution; by default, of the newest one not yet undone."""

    execution: int | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """Execute a person's action; the shield applies."""

    action: Action
    origin: Origin = Origin.PERSON
    """The original origin, when a branch repeats the action."""


@dataclass(frozen=True, slots=True)
class Inject:
    """Inject a fault."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class SetLoadFactor:
    """Multiply the scenario's rate by a factor; 1 is normal."""

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
    | SetPace
    | SetMode
    | SetPlanner
    | Approve
    | Reject
    | Replan
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
    """A command that cannot be carried out, with one sentence why."""
