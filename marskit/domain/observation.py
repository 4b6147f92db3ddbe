"""What Monitor hands to Analyse: one window, as rates, shares and quantiles."""

from dataclasses import dataclass

from marskit.domain.load import LoadSample
from marskit.domain.metrics import ConfigGeneration
from marskit.domain.topology import EdgeId

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
    in_flight: int | None
    """None, here and below, is not measured."""
    retries_per_s: float | None
    timeouts_per_s: float | None
    ejected: int | None
    weight_percent: int | None
    """Configured share, in percent; None if the route has one destination."""
    share_percent: float | None
    """Observed share of its source's requests to the service, in percent; None without requests."""
    response_flags: tuple[tuple[str, int], ...] | None = None
    silent_s: float | None = None
    """Seconds since the last answer during which requests waited for one; 0 if none waits."""
    unanswered: int | None = None
    """Requests that came in these seconds or already waited at their beginning."""

    @property
    def error_percent(self) -> float | None:
        """The share of requests that failed, or None without requests."""
        return 100.0 * self.failures_per_s / self.requests_per_s if self.requests_per_s > 0 else None


@dataclass(frozen=True, slots=True)
class ReplicaObservation:
    """One ready replica over the window, with the requests of all its callers."""

    replica: str
    in_flight: int
    answered_per_s: float
    silent_s: float
    """Seconds since its last answer during which requests waited for one; 0 if none waits."""
    unanswered: int
    """Requests that were sent to it in these seconds or already waited at their beginning."""
    ejected: bool = False
    """Whether a caller's proxy leaves it out because of its failures."""

    @property
    def is_running(self) -> bool:
        """Whether it gets requests and has not left them unanswered for a second."""
        return not self.ejected and self.silent_s < 1.0


@dataclass(frozen=True, slots=True)
class WorkloadObservation:
    """One workload over the window."""

    workload: str
    service: str
    replicas_desired: int
    replicas_ready: int | None
    """None if unmeasured."""
    requests_per_s: float
    utilisation: float | None
    queued: float | None
    utilisation_s: float | None = None
    """Seconds of the window that the utilisation covers: those since the number of replicas last changed."""
    replicas_lost: int | None = None
    """Ready replicas that ended within the window without being scaled down; None if unmeasured."""
    replicas: tuple[ReplicaObservation, ...] = ()
    """Each ready replica; empty if their traffic is not measured."""

    @property
    def replicas_assumed(self) -> int:
        """The ready replicas, or the desired ones where the ready ones are unmeasured."""
        return self.replicas_desired if self.replicas_ready is None else self.replicas_ready

    @property
    def replicas_missing(self) -> int | None:
        """Desired replicas that are not ready; None if unmeasured."""
        return None if self.replicas_ready is None else max(0, self.replicas_desired - self.replicas_ready)

    @property
    def replicas_running(self) -> int:
        """The ready replicas without those that are ejected or have not answered for a second."""
        return self.replicas_assumed - sum(not each.is_running for each in self.replicas)


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
class MeshCounts:
    """The users' requests as the mesh counted them, from the run's beginning or over a stretch of it."""

    requests: int = 0
    """Those that went to a service."""
    failures: int = 0
    unrouted: int = 0
    """Those that the gateway answered itself: no route, a direct response or a redirect."""
    resets: int = 0
    """How often a proxy's counters began at 0 again, losing what it had counted since they were last read."""

    def plus(self, other: "MeshCounts") -> "MeshCounts":
        """Both together."""
        return MeshCounts(
            self.requests + other.requests,
            self.failures + other.failures,
            self.unrouted + other.unrouted,
            self.resets + other.resets,
        )

    def since(self, earlier: "MeshCounts | None") -> "MeshCounts":
        """The requests since an earlier reading."""
        if earlier is None:
            return self
        return MeshCounts(
            self.requests - earlier.requests,
            self.failures - earlier.failures,
            self.unrouted - earlier.unrouted,
            self.resets - earlier.resets,
        )


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
    measured_at_s: float | None = None
    """Seconds on the run's clock up to which the data reach, where that is earlier than `at_s`."""
    entered: MeshCounts | None = None
    """The users' requests since the run's beginning; None before the first sample."""

    @property
    def data_at_s(self) -> float:
        """Seconds on the run's clock up to which the data reach."""
        return self.at_s if self.measured_at_s is None else self.measured_at_s

    @property
    def is_empty(self) -> bool:
        """Whether nothing was observed: its rates are then unknown, not 0."""
        return self.window_s <= 0

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
