"""The records that the phases of one MAPE-K cycle pass on, and the cycle that contains them."""

from dataclasses import dataclass
from enum import StrEnum

from marskit.domain.actions import Action
from marskit.domain.goals import Utility
from marskit.domain.load import LoadSample
from marskit.domain.metrics import ConfigGeneration
from marskit.domain.similar import Similar
from marskit.domain.topology import EdgeId


class Phase(StrEnum):
    """The phases of the loop; all of them use Knowledge, so it comes last."""

    MONITOR = "monitor"
    ANALYSE = "analyse"
    PLAN = "plan"
    EXECUTE = "execute"
    KNOWLEDGE = "knowledge"


class Mode(StrEnum):
    """What the loop may do without a person."""

    AUTO = "auto"
    RECOMMEND = "recommend"
    APPROVE = "approve"
    FREEZE = "freeze"


TRUSTED_N = 40
"""Number of successes below which fewer than two samples lie above a p95, which is then mere chance."""


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
    """Configured share, in percent; None if the route has one destination."""
    share_percent: float | None
    """Observed share of its source's requests to the service, in percent; None without requests."""
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
    """Seconds of the window that the utilisation covers: those since the number of replicas last changed."""
    replicas_lost: int = 0
    """Ready replicas that ended within the window without being scaled down."""


@dataclass(frozen=True, slots=True)
class ServiceObservation:
    """One service over the window, from the view of all its callers together."""

    service: str
    requests_per_s: float
    failures_per_s: float
    latency: Latency
    slow_percent: float | None = None
    """Share of successes slower than the SLO's limit, in percent; None without an SLO or requests."""

    @property
    def error_percent(self) -> float | None:
        """The share of requests that failed, or None without requests."""
        return 100.0 * self.failures_per_s / self.requests_per_s if self.requests_per_s > 0 else None


@dataclass(frozen=True, slots=True)
class Observation:
    """Monitor's result for one window."""

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
    """The kinds of problem that Analyse can find."""

    LATENCY_SLO = "latency SLO"
    AVAILABILITY_SLO = "availability SLO"
    SATURATION = "saturation"
    EDGE_ERRORS = "edge errors"
    BOTTLENECK = "bottleneck"
    REPLICAS_MISSING = "replicas missing"
    OVERPROVISIONED = "overprovisioned"
    CANARY_REGRESSION = "canary regression"
    BURN_RATE = "burn rate"
    """An error budget is being spent too fast, over both a long and a short window."""
    ANOMALY = "anomaly"
    """A number is far from its usual value."""
    DRIFT = "drift"
    """A number has been slightly off for a long time."""


class Severity(StrEnum):
    """How bad a symptom is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One number behind a symptom, with the threshold it was compared with."""

    metric: str
    """The name of the number with its unit, such as `latency_p95_ms`."""
    value: float
    threshold: float
    n: int
    """Number of requests or replicas that the value rests on."""
    window_s: float


@dataclass(frozen=True, slots=True)
class Symptom:
    """One problem, with its evidence and one plain sentence."""

    kind: SymptomKind
    severity: Severity
    subject: str
    """The affected service, workload or edge."""
    evidence: tuple[Evidence, ...]
    sentence: str


class Ailment(StrEnum):
    """The possible conditions of a workload or an edge."""

    DOWN = "down"
    SLOW = "slow"
    ERRORS = "errors"
    OVERLOADED = "overloaded"
    """More work than capacity; not broken."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """One workload or edge that may be faulty."""

    subject: str
    """The workload, or the edge as `EdgeId` prints it."""
    ailment: Ailment
    score: float
    """From 0 to 1, for ranking; faults are above one half, mere overload below."""
    evidence: tuple[Evidence, ...]
    sentence: str

    @property
    def is_fault(self) -> bool:
        """Whether something is broken."""
        return self.ailment is not Ailment.OVERLOADED


@dataclass(frozen=True, slots=True)
class SloStatus:
    """A service's status against its SLO; None where too few requests were observed to judge."""

    service: str
    latency_ms: float
    """The SLO's latency limit."""
    latency_p95_ms: float | None
    latency_met: bool | None
    availability_percent: float | None
    availability_met: bool | None
    n: int
    """Number of requests that the availability rests on."""
    latency_n: int = 0
    """Number of successes that the p95 rests on."""

    @property
    def met(self) -> bool | None:
        """Whether both halves are met; None while neither can be judged."""
        known = [half for half in (self.latency_met, self.availability_met) if half is not None]
        return all(known) if known else None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Analyse's conclusions from one observation."""

    slos: tuple[SloStatus, ...]
    symptoms: tuple[Symptom, ...]
    bottleneck: str | None
    """The workload that causes an SLO violation, or None."""
    utility: Utility
    sentence: str
    suspects: tuple[Suspect, ...] = ()
    """Possible faults, the most likely first; also while every SLO is met."""

    @property
    def slo_met(self) -> bool | None:
        """Whether every SLO that can be judged is met; None while none can be."""
        known = [slo.met for slo in self.slos if slo.met is not None]
        return all(known) if known else None


@dataclass(frozen=True, slots=True)
class Prediction:
    """The twin's prediction for one set of actions; latency and shares are those of an effect's window."""

    horizon_s: float
    """Prediction horizon, in real seconds."""
    service: str
    """The users' service whose latency and errors are predicted."""
    requests_per_s: float
    """The expected load at that service."""
    latency_p95_ms: float | None
    """None if no request was expected to succeed."""
    slow_percent: float
    """Share of successes slower than the SLO's limit, in percent."""
    error_percent: float
    replicas: int
    """Total over all workloads."""
    utility_per_s: float
    """Mean over the whole horizon, by the prices of the goals."""
    p95_tolerance_percent: float | None = None
    """The median error of the twin's p95 on runs it was not fitted to; None if it was never validated on
    this mesh."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One option that a planner considered."""

    actions: tuple[Action, ...]
    reason: str
    score: float | None = None
    """The planner's own score, higher is better; None if the planner does not score."""
    prediction: Prediction | None = None
    """None if the twin cannot predict it, or if there has been no load yet."""


@dataclass(frozen=True, slots=True)
class ShieldChange:
    """The shield's change to one proposed action, and the rule behind it."""

    rule: str
    proposed: Action
    allowed: Action | None
    """The action that remains; None if it was dropped."""
    sentence: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A planner's choice and its reason, and the actions that passed the shield."""

    planner: str
    candidates: tuple[Candidate, ...]
    proposed: tuple[Action, ...]
    reason: str
    actions: tuple[Action, ...] = ()
    """The actions that may be executed: `proposed` after the shield."""
    shield: tuple[ShieldChange, ...] = ()
    prediction: Prediction | None = None
    """The prediction for `actions` together."""
    nothing: Prediction | None = None
    """The prediction for doing nothing instead."""
    similar: tuple[Similar, ...] = ()
    """The most similar situations of earlier runs, for information; planners do not use them."""


class Outcome(StrEnum):
    """The result of an execution."""

    APPLIED = "applied"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    WITHHELD = "withheld"
    """Not written, because of the mode or a person's decision."""


class Origin(StrEnum):
    """Who requested an execution."""

    PLANNER = "planner"
    PERSON = "person"
    UNDO = "undo"
    GUARD = "guard"
    """The loop rolled back a plan that turned out worse than predicted."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One executed action, with everything a person needs to repeat or undo it."""

    id: int
    """Number of the execution in its run, from 1."""
    origin: Origin
    action: Action
    command: str
    """The exact `kubectl` command a person would have typed."""
    diff: str
    """The unified diff of the manifest."""
    inverse: Action | None
    """The action that undoes it, recorded before the write; None if the action changed nothing."""
    inverse_command: str | None
    outcome: Outcome
    reason: str
    at_s: float
    generation: int | None = None
    pushed_after_ms: float | None = None
    """Time from the write to the proxy's acknowledgement."""
    effective_after_ms: float | None = None
    """Time from the write to the first request observed to be served by it; None if it outlasts the cycle."""


@dataclass(frozen=True, slots=True)
class Effect:
    """The measured effect of an execution, over one window after it became effective."""

    execution: int
    service: str
    latency_p95_before_ms: float | None
    latency_p95_after_ms: float | None
    error_percent_before: float | None
    error_percent_after: float | None
    sentence: str
    latency_p95_predicted_ms: float | None = None
    """The prediction for the whole plan that the execution was part of; None without a prediction."""
    error_percent_predicted: float | None = None


@dataclass(frozen=True, slots=True)
class Cycle:
    """One complete cycle of the loop."""

    id: int
    """Number of the cycle in its run, from 1."""
    started_at_s: float
    ended_at_s: float
    mode: Mode
    planner: str
    observation: Observation
    diagnosis: Diagnosis
    plan: Plan
    executions: tuple[Execution, ...]
    effects: tuple[Effect, ...]
    """Measured effects of earlier executions."""
    cpu_ms: float
    """Processor time of the controller's thread from Monitor to Execute, including telemetry."""
