"""What Analyse hands to Plan: objectives, symptoms and suspects, each with its evidence."""

from dataclasses import dataclass
from enum import StrEnum

from marskit.domain.goals import Utility


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
    SILENCE = "silence"
    """Requests are in flight and none is answered."""
    LATE = "late answers"
    """More requests are in flight than the latencies of finished ones explain."""
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
    SILENT = "silent"
    """Takes requests and answers none."""
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


def unknown_diagnosis(why: str) -> "Diagnosis":
    """The diagnosis while telemetry is too old."""
    return Diagnosis((), (), None, Utility(0.0, 0.0, 0.0, 0.0, 0.0), f"Unknown: {why}", unknown=why)


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
    unknown: str | None = None
    """Why nothing can be said, in one sentence; all else is then empty. None if telemetry is fresh."""

    @property
    def slo_met(self) -> bool | None:
        """Whether every SLO that can be judged is met; None while none can be."""
        known = [slo.met for slo in self.slos if slo.met is not None]
        return all(known) if known else None
