"""Events of the loop: its phases, its plans, its writes, and how it is driven."""

from dataclasses import dataclass

from marskit.domain.config import Configuration
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.observation import Observation
from marskit.domain.plan import Draft, Plan
from marskit.domain.records import Cycle, Execution, Mode, Phase


@dataclass(frozen=True, slots=True)
class PhaseStarted:
    """The loop entered a phase."""

    at_s: float
    cycle: int
    phase: Phase


@dataclass(frozen=True, slots=True)
class Monitored:
    """Monitor finished."""

    at_s: float
    cycle: int
    observation: Observation


@dataclass(frozen=True, slots=True)
class Analysed:
    """Analyse finished."""

    at_s: float
    cycle: int
    diagnosis: Diagnosis


@dataclass(frozen=True, slots=True)
class Planned:
    """Plan finished, including the shield."""

    at_s: float
    cycle: int
    plan: Plan


@dataclass(frozen=True, slots=True)
class ApprovalAwaited:
    """The plan awaits a person's approval."""

    at_s: float
    cycle: int
    revision: int = 1
    """Number of the plan within its cycle, from 1."""
    drafts: tuple[Draft, ...] = ()
    """What each of its actions would do."""


@dataclass(frozen=True, slots=True)
class LookedAgain:
    """While a plan awaits approval, the loop analysed the present once more."""

    at_s: float
    cycle: int
    diagnosis: Diagnosis


@dataclass(frozen=True, slots=True)
class Replanned:
    """Another plan replaced the one that awaited approval; this one was made for the present."""

    at_s: float
    cycle: int
    revision: int
    """Number of the new plan within its cycle."""
    reason: str
    """Why the former plan was out of date, in a few words."""
    observation: Observation
    diagnosis: Diagnosis
    plan: Plan
    replaced: Plan


@dataclass(frozen=True, slots=True)
class PlanDecided:
    """A plan that awaited approval was approved or dropped."""

    at_s: float
    cycle: int
    revision: int
    approved: bool
    by_person: bool
    reason: str
    """Why it was dropped; empty if it was approved."""


@dataclass(frozen=True, slots=True)
class ExecuteEnded:
    """Execute finished: every action of the plan was carried out, rejected or withheld."""

    at_s: float
    cycle: int


@dataclass(frozen=True, slots=True)
class Executed:
    """One action was carried out or rejected; a later event with the same id replaces it."""

    execution: Execution
    configuration: Configuration
    """The configuration afterwards."""


@dataclass(frozen=True, slots=True)
class CycleCompleted:
    """A cycle ended and Knowledge has recorded it."""

    cycle: Cycle


@dataclass(frozen=True, slots=True)
class RunningChanged:
    """The loop started or stopped running by itself."""

    at_s: float
    running: bool


@dataclass(frozen=True, slots=True)
class TimeHeld:
    """The mesh's time began to stand still, as the loop is paused, or went on."""

    at_s: float
    held: bool


@dataclass(frozen=True, slots=True)
class PaceChanged:
    """The mesh's time passes at another pace."""

    at_s: float
    pace: float | None
    """Its seconds per real second, at most; None is as fast as possible."""


@dataclass(frozen=True, slots=True)
class ModeChanged:
    """The mode changed."""

    at_s: float
    mode: Mode


@dataclass(frozen=True, slots=True)
class PlannerChanged:
    """The planner changed."""

    at_s: float
    planner: str


@dataclass(frozen=True, slots=True)
class CycleNotStored:
    """A cycle could not be stored, nor will the next ones until that is possible again."""

    at_s: float
    cycle: int
    sentence: str
