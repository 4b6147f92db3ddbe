"""Events, in the past tense. State is a fold of these and of nothing else."""

from dataclasses import dataclass
from enum import StrEnum

from marskit.domain.baselines import Baselines
from marskit.domain.capabilities import Capabilities
from marskit.domain.config import Configuration
from marskit.domain.diagnosis import Severity
from marskit.domain.faults import Fault, HangReplica
from marskit.domain.goals import Goals
from marskit.domain.loop_events import (
    Analysed,
    ApprovalAwaited,
    CycleCompleted,
    CycleNotStored,
    Executed,
    ExecuteEnded,
    LookedAgain,
    ModeChanged,
    Monitored,
    PaceChanged,
    PhaseStarted,
    PlanDecided,
    Planned,
    PlannerChanged,
    Replanned,
    RunningChanged,
    TimeHeld,
)
from marskit.domain.observation import Observation
from marskit.domain.records import Mode
from marskit.domain.shortfall import Shortfall
from marskit.domain.topology import Topology


@dataclass(frozen=True, slots=True)
class ScenarioInfo:
    """The facts about the load scenario that screens need."""

    name: str
    title: str
    duration_s: float
    """Length in scenario seconds."""
    speed: float
    """Scenario seconds per real second."""
    curve: tuple[tuple[float, float], ...]
    """Offered rate as `(scenario_s, requests_per_s)`, evenly sampled over the duration."""


@dataclass(frozen=True, slots=True)
class Parent:
    """The run that a branch left, and where."""

    run: str
    cycle: int
    """The first cycle that the branch decided itself."""
    at_s: float
    """Start of that cycle, on the clock that both share."""


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run began; the mesh has not started yet."""

    run: str
    mesh: str
    """The adapter's name, for people; ask `capabilities` what it can do."""
    seed: int
    planner: str
    planners: tuple[str, ...]
    """All planners to choose from."""
    mode: Mode
    period_s: float
    """Real seconds from one cycle's start to the next while running."""
    topology: Topology
    configuration: Configuration
    goals: Goals
    scenario: ScenarioInfo
    scenarios: tuple[str, ...]
    """All scenarios to choose from."""
    capabilities: Capabilities
    """What the mesh can do and measure."""
    busy_ms: tuple[tuple[str, float], ...] = ()
    """Time for which a request keeps all workers of one replica busy, by workload, where known."""
    parent: Parent | None = None
    """None unless the run is a branch."""
    pace: float | None = None
    """Seconds of a twin's time per real second, at most; None is as fast as possible."""


@dataclass(frozen=True, slots=True)
class Progressed:
    """A step of starting or stopping the mesh."""

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
    """Telemetry arrived, whether or not the loop is running."""

    observation: Observation


@dataclass(frozen=True, slots=True)
class ScenarioChanged:
    """Another load scenario began."""

    at_s: float
    scenario: ScenarioInfo


@dataclass(frozen=True, slots=True)
class LoadFactorChanged:
    """The load follows the scenario at another multiple of its rate."""

    at_s: float
    factor: float


@dataclass(frozen=True, slots=True)
class FaultInjected:
    """A person injected a fault, or cleared the faults."""

    at_s: float
    fault: Fault


@dataclass(frozen=True, slots=True)
class FaultEnded:
    """A fault ended without a person: its replica was restarted or removed."""

    at_s: float
    fault: HangReplica


@dataclass(frozen=True, slots=True)
class ConfigurationChanged:
    """Somebody else changed the mesh's configuration."""

    at_s: float
    targets: tuple[str, ...]
    """What was changed, as `target` names it for actions; empty if that is not known."""
    sentence: str
    configuration: Configuration
    """The configuration afterwards."""


class Source(StrEnum):
    """Where telemetry comes from."""

    MESH = "mesh"
    LOAD = "load"


@dataclass(frozen=True, slots=True)
class TelemetryLost:
    """The newest data are too old to act on; nothing is planned until they are restored."""

    at_s: float
    source: Source
    since_s: float
    """Time up to which the newest data reach."""
    sentence: str


@dataclass(frozen=True, slots=True)
class TelemetryRestored:
    """Data arrive again."""

    at_s: float
    source: Source
    lost_s: float
    """Seconds without data."""
    sentence: str


@dataclass(frozen=True, slots=True)
class LoadLost:
    """The load generator ended unexpectedly."""

    at_s: float
    sentence: str


@dataclass(frozen=True, slots=True)
class LoadRestored:
    """The load generator runs again, at the same point of the scenario."""

    at_s: float
    not_sent: int
    """Requests that were due meanwhile."""
    sentence: str


@dataclass(frozen=True, slots=True)
class BaselinesLoaded:
    """Baselines of earlier runs are available; Analyse uses them from now on."""

    at_s: float
    baselines: Baselines


@dataclass(frozen=True, slots=True)
class Recalibrated:
    """The twin was recalibrated because the mesh had drifted; it predicts with a new card from now on."""

    at_s: float
    version: int
    """Number of the card, counting recalibrations."""
    service: str
    """The service that showed the drift."""
    error_before_percent: float
    """p95 error of the former card, on windows that the new one was not fitted to."""
    error_after_percent: float
    card: str
    """The whole new card, in its file format, so that later plans can be reproduced."""
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
    """The run is over; everything it started has stopped."""

    at_s: float
    reason: str | None
    """Why the run failed, in one sentence; None if it ended normally."""
    shortfalls: tuple[Shortfall, ...] = ()
    """What the run did not do of what it was asked."""


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
    | LookedAgain
    | Replanned
    | PlanDecided
    | Executed
    | ExecuteEnded
    | CycleCompleted
    | RunningChanged
    | TimeHeld
    | PaceChanged
    | ModeChanged
    | PlannerChanged
    | ScenarioChanged
    | LoadFactorChanged
    | FaultInjected
    | FaultEnded
    | ConfigurationChanged
    | TelemetryLost
    | TelemetryRestored
    | LoadLost
    | LoadRestored
    | CycleNotStored
    | BaselinesLoaded
    | Recalibrated
    | Noticed
    | RunEnded
)

Deed = (
    ModeChanged | PlannerChanged | ScenarioChanged | LoadFactorChanged | PaceChanged | Replanned | PlanDecided
)
"""What a person, or the loop in a person's place, decided: the log shows it."""
