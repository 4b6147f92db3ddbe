"""What each phase of one MAPE-K cycle hands to the next, and the cycle that ties them together."""

from dataclasses import dataclass
from enum import StrEnum

from marskit.domain.actions import Action
from marskit.domain.goals import Utility
from marskit.domain.load import LoadSample
from marskit.domain.metrics import ConfigGeneration
from marskit.domain.similar import Similar
from marskit.domain.topology import EdgeId


class Phase(StrEnum):
    """The phases of the loop; Knowledge is what they all read and write, so it comes last."""

    MONITOR = "monitor"
    ANALYSE = "analyse"
    PLAN = "plan"
    EXECUTE = "execute"
    KNOWLEDGE = "knowledge"


class Mode(StrEnum):
    """How far the loop may go by itself."""

    AUTO = "auto"
    RECOMMEND = "recommend"
    APPROVE = "approve"
    FREEZE = "freeze"


TRUSTED_N = 40
"""Successes below which fewer than two samples lie above a p95, which is then one request's luck."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Latency of successful requests, with the number of samples behind every quantile."""

    n: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    mean_ms: float | None = None
    """Unlike quantiles, means add up along the calls of a request."""

    @property
    def p95_is_trusted(self) -> bool:
        """Whether at least two samples lie above the p95."""
        return self.n >= TRUSTED_N


@dataclass(frozen=True, slots=True)
class EdgeObservation:
    """One edge over the window."""

    edge: EdgeId
    requests_per_s: float
    failures_per_s: float
    latency: Latency
    in_flight: int
    retries_per_s: float
    timeouts_per_s: float
    ejected: int
    weight_percent: int | None
    """The share configured for it; None where the route has one destination."""
    share_percent: float | None
    """The share it really had of its source's requests to the service; None without requests."""
    response_flags: tuple[tuple[str, int], ...] = ()

    @property
    def error_percent(self) -> float | None:
        """The share of requests that failed, or None without requests."""
        return 100.0 * self.failures_per_s / self.requests_per_s if self.requests_per_s > 0 else None


@dataclass(frozen=True, slots=True)
class WorkloadObservation:
    """One workload over the window."""

    workload: str
    service: str
    replicas_desired: int
    replicas_ready: int
    requests_per_s: float
    utilisation: float | None
    queued: float | None
    utilisation_s: float | None = None
    """How many seconds of the window the utilisation speaks for: those since replicas last came or went."""
    replicas_lost: int = 0
    """Ready replicas that went away within the window although nobody had scaled them down."""


@dataclass(frozen=True, slots=True)
class ServiceObservation:
    """One service over the window, as all its callers together saw it."""

    service: str
    requests_per_s: float
    failures_per_s: float
    latency: Latency
    slow_percent: float | None = None
    """The share of successes slower than the objective; None without one or without requests."""

    @property
    def error_percent(self) -> float | None:
        """The share of requests that failed, or None without requests."""
        return 100.0 * self.failures_per_s / self.requests_per_s if self.requests_per_s > 0 else None


@dataclass(frozen=True, slots=True)
class Observation:
    """What Monitor saw over one window."""

    at_s: float
    window_s: float
    services: tuple[ServiceObservation, ...]
    workloads: tuple[WorkloadObservation, ...]
    edges: tuple[EdgeObservation, ...]
    load: LoadSample | None
    generation: ConfigGeneration

    def service(self, name: str) -> ServiceObservation:
        """The service of that name; raises `KeyError` when there is none."""
        for service in self.services:
            if service.service == name:
                return service
        raise KeyError(name)

    def workload(self, name: str) -> WorkloadObservation:
        """The workload of that name; raises `KeyError` when there is none."""
        for workload in self.workloads:
            if workload.workload == name:
                return workload
        raise KeyError(name)


class SymptomKind(StrEnum):
    """What Analyse can find wrong."""

    LATENCY_SLO = "latency SLO"
    AVAILABILITY_SLO = "availability SLO"
    SATURATION = "saturation"
    EDGE_ERRORS = "edge errors"
    BOTTLENECK = "bottleneck"
    REPLICAS_MISSING = "replicas missing"
    OVERPROVISIONED = "overprovisioned"
    CANARY_REGRESSION = "canary regression"
    BURN_RATE = "burn rate"
    """An error budget is being spent too fast, over a long window and over a short one."""
    ANOMALY = "anomaly"
    """A number is far from what is usual."""
    DRIFT = "drift"
    """A number has been a little off for long."""


class Severity(StrEnum):
    """How bad a symptom is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One number behind a symptom and what it was held against."""

    metric: str
    """The name of the number with its unit, such as `latency_p95_ms`."""
    value: float
    threshold: float
    n: int
    """How many requests or replicas the number rests on."""
    window_s: float


@dataclass(frozen=True, slots=True)
class Symptom:
    """One thing found wrong, with its evidence and one plain sentence."""

    kind: SymptomKind
    severity: Severity
    subject: str
    """The service, workload or edge it is about."""
    evidence: tuple[Evidence, ...]
    sentence: str


class Ailment(StrEnum):
    """What may be the matter with a workload or an edge."""

    DOWN = "down"
    SLOW = "slow"
    ERRORS = "errors"
    OVERLOADED = "overloaded"
    """It has more to do than it can, and is not broken."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """One workload or edge that may be at fault."""

    subject: str
    """The workload, or the edge as `EdgeId` writes it."""
    ailment: Ailment
    score: float
    """From 0 to 1, to rank by; faults lie above one half, mere overload below."""
    evidence: tuple[Evidence, ...]
    sentence: str

    @property
    def is_fault(self) -> bool:
        """Whether something is broken there."""
        return self.ailment is not Ailment.OVERLOADED


@dataclass(frozen=True, slots=True)
class SloStatus:
    """How one service stands against its objective; None where too few requests were seen to say."""

    service: str
    latency_ms: float
    """The objective's limit."""
    latency_p95_ms: float | None
    latency_met: bool | None
    availability_percent: float | None
    availability_met: bool | None
    n: int
    """Requests that the availability rests on."""
    latency_n: int = 0
    """Successes that the p95 rests on."""

    @property
    def met(self) -> bool | None:
        """Whether both halves hold; None while neither can be judged."""
        known = [half for half in (self.latency_met, self.availability_met) if half is not None]
        return all(known) if known else None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What Analyse concluded from one observation."""

    slos: tuple[SloStatus, ...]
    symptoms: tuple[Symptom, ...]
    bottleneck: str | None
    """The workload that a violated objective was traced to, or None."""
    utility: Utility
    sentence: str
    suspects: tuple[Suspect, ...] = ()
    """What may be at fault, the likeliest first; also while every objective holds."""

    @property
    def slo_met(self) -> bool | None:
        """Whether every objective that can be judged holds; None while none can be."""
        known = [slo.met for slo in self.slos if slo.met is not None]
        return all(known) if known else None


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the twin expects of one set of actions; latency and shares are those of an effect's window."""

    horizon_s: float
    """Real seconds that were looked ahead."""
    service: str
    """The service users call whose latency and errors are predicted."""
    requests_per_s: float
    """The load at that service that was expected."""
    latency_p95_ms: float | None
    """None when no request was expected to succeed."""
    slow_percent: float
    """The share of successes slower than the objective."""
    error_percent: float
    replicas: int
    """Of all workloads together."""
    utility_per_s: float
    """Over the whole horizon, by the prices of the goals."""
    p95_tolerance_percent: float | None = None
    """The median error of the twin's p95 on runs it was not fitted to; None when it was never held against
    this mesh."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing a planner considered."""

    actions: tuple[Action, ...]
    reason: str
    score: float | None = None
    """The planner's own measure, higher is better; None for planners that do not score."""
    prediction: Prediction | None = None
    """None where the twin cannot tell, or nothing has come in yet."""


@dataclass(frozen=True, slots=True)
class ShieldChange:
    """What the shield did to one proposed action, and by which rule."""

    rule: str
    proposed: Action
    allowed: Action | None
    """What is left of it; None when it was dropped."""
    sentence: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a planner chose, why, and what the shield left of it."""

    planner: str
    candidates: tuple[Candidate, ...]
    proposed: tuple[Action, ...]
    reason: str
    actions: tuple[Action, ...] = ()
    """What may be executed: `proposed` after the shield."""
    shield: tuple[ShieldChange, ...] = ()
    prediction: Prediction | None = None
    """What is expected of `actions` together."""
    nothing: Prediction | None = None
    """What is expected of doing nothing instead."""
    similar: tuple[Similar, ...] = ()
    """Situations of earlier runs most like the one that was planned for; it is planned without them."""


class Outcome(StrEnum):
    """How an execution ended."""

    APPLIED = "applied"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    WITHHELD = "withheld"
    """The mode or a person kept it from being written."""


class Origin(StrEnum):
    """Who asked for an execution."""

    PLANNER = "planner"
    PERSON = "person"
    UNDO = "undo"
    GUARD = "guard"
    """The loop itself took back what made things worse than was predicted."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One action as it was carried out, with everything a person needs to repeat or undo it."""

    id: int
    """Counts the executions of a run from 1."""
    origin: Origin
    action: Action
    command: str
    """The exact `kubectl` command a person would have typed."""
    diff: str
    """The unified diff of the manifest."""
    inverse: Action | None
    """What takes it back, recorded before the write; None when the action changed nothing."""
    inverse_command: str | None
    outcome: Outcome
    reason: str
    at_s: float
    generation: int | None = None
    pushed_after_ms: float | None = None
    """From the write to the proxy's acknowledgement."""
    effective_after_ms: float | None = None
    """From the write to the first request seen served by it; None when that takes longer than the cycle."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What an execution did, read one window after it became effective."""

    execution: int
    service: str
    latency_p95_before_ms: float | None
    latency_p95_after_ms: float | None
    error_percent_before: float | None
    error_percent_after: float | None
    sentence: str
    latency_p95_predicted_ms: float | None = None
    """What was predicted of the whole plan that the execution was part of; None without a prediction."""
    error_percent_predicted: float | None = None


@dataclass(frozen=True, slots=True)
class Cycle:
    """One whole turn of the loop."""

    id: int
    """Counts the cycles of a run from 1."""
    started_at_s: float
    ended_at_s: float
    mode: Mode
    planner: str
    observation: Observation
    diagnosis: Diagnosis
    plan: Plan
    executions: tuple[Execution, ...]
    effects: tuple[Effect, ...]
    """What earlier executions turned out to have done."""
    cpu_ms: float
    """Processor time of the controller's thread from Monitor to Execute, and of the telemetry meanwhile."""
