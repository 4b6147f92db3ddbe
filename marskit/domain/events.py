"""What happened, in the past tense. State is a fold of these and of nothing else."""

from dataclasses import dataclass

from marskit.domain.baselines import Baselines
from marskit.domain.config import Configuration
from marskit.domain.faults import Fault
from marskit.domain.goals import Goals
from marskit.domain.records import Cycle, Diagnosis, Execution, Mode, Observation, Phase, Plan, Severity
from marskit.domain.topology import Topology


@dataclass(frozen=True, slots=True)
class ScenarioInfo:
    """What the screens need to know of the load scenario."""

    name: str
    title: str
    duration_s: float
    """Scenario seconds."""
    speed: float
    """Scenario seconds per real second."""
    curve: tuple[tuple[float, float], ...]
    """The rate asked for, as `(scenario_s, requests_per_s)`, evenly sampled over the duration."""


@dataclass(frozen=True, slots=True)
class Parent:
    """The run that a branch left, and where."""

    run: str
    cycle: int
    """The first of its cycles that the branch decided anew."""
    at_s: float
    """When that began, on the clock that both share."""


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run began; the mesh is not up yet."""

    run: str
    mesh: str
    """The adapter's name: envoy, twin or cluster."""
    seed: int
    planner: str
    planners: tuple[str, ...]
    """All planners that may be chosen."""
    mode: Mode
    period_s: float
    """Real seconds from one cycle's start to the next while running."""
    topology: Topology
    configuration: Configuration
    goals: Goals
    scenario: ScenarioInfo
    scenarios: tuple[str, ...]
    """All scenarios that may be chosen."""
    busy_ms: tuple[tuple[str, float], ...] = ()
    """For how long a request keeps all workers of one replica busy, by workload, where that is known."""
    parent: Parent | None = None
    """None unless the run is a branch."""


@dataclass(frozen=True, slots=True)
class Progressed:
    """A step of bringing the mesh up or down."""

    at_s: float
    step: str
    detail: str


@dataclass(frozen=True, slots=True)
class MeshReady:
    """The mesh answered its first request."""

    at_s: float
    gateway_url: str


@dataclass(frozen=True, slots=True)
class Observed:
    """Telemetry came in, whether or not the loop turns."""

    observation: Observation


@dataclass(frozen=True, slots=True)
class PhaseStarted:
    """The loop entered a phase."""

    at_s: float
    cycle: int
    phase: Phase


@dataclass(frozen=True, slots=True)
class Monitored:
    """Monitor ended."""

    at_s: float
    cycle: int
    observation: Observation


@dataclass(frozen=True, slots=True)
class Analysed:
    """Analyse ended."""

    at_s: float
    cycle: int
    diagnosis: Diagnosis


@dataclass(frozen=True, slots=True)
class Planned:
    """Plan ended, the shield included."""

    at_s: float
    cycle: int
    plan: Plan


@dataclass(frozen=True, slots=True)
class ApprovalAwaited:
    """The plan waits for a person."""

    at_s: float
    cycle: int


@dataclass(frozen=True, slots=True)
class ExecuteEnded:
    """Execute ended: every action of the plan was carried out, refused or withheld."""

    at_s: float
    cycle: int


@dataclass(frozen=True, slots=True)
class Executed:
    """One action was carried out or refused; a later one with the same id replaces it."""

    execution: Execution
    configuration: Configuration
    """As it stands afterwards."""


@dataclass(frozen=True, slots=True)
class CycleCompleted:
    """A cycle ended and Knowledge has it."""

    cycle: Cycle


@dataclass(frozen=True, slots=True)
class RunningChanged:
    """The loop started or stopped turning by itself."""

    at_s: float
    running: bool


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
class ScenarioChanged:
    """Another load scenario began."""

    at_s: float
    scenario: ScenarioInfo


@dataclass(frozen=True, slots=True)
class FaultInjected:
    """A person broke something, or took the breakage back."""

    at_s: float
    fault: Fault


@dataclass(frozen=True, slots=True)
class BaselinesLoaded:
    """What earlier runs say is usual is known; Analyse holds what it sees against it from now on."""

    at_s: float
    baselines: Baselines


@dataclass(frozen=True, slots=True)
class Recalibrated:
    """The twin had become another mesh than the real one, and predicts with a new card from now on."""

    at_s: float
    version: int
    """Of the card, counting its recalibrations."""
    service: str
    """The one that showed it."""
    error_before_percent: float
    """How far the p95 was off by the former card, on windows that the new one was not fitted to."""
    error_after_percent: float
    card: str
    """The whole new card, as its file has it: what is planned from now on can be repeated with it."""
    sentence: str


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something a person should know: a replica crashed, a manifest field is ignored, a sink failed."""

    at_s: float
    severity: Severity
    subject: str
    sentence: str


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The run is over; everything it started is gone."""

    at_s: float
    reason: str | None
    """One sentence when it ended by a failure, else None."""


Event = (
    RunStarted
    | Progressed
    | MeshReady
    | Observed
    | PhaseStarted
    | Monitored
    | Analysed
    | Planned
    | ApprovalAwaited
    | Executed
    | ExecuteEnded
    | CycleCompleted
    | RunningChanged
    | ModeChanged
    | PlannerChanged
    | ScenarioChanged
    | FaultInjected
    | BaselinesLoaded
    | Recalibrated
    | Noticed
    | RunEnded
)
