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
