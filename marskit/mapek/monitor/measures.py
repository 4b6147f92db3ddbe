"""A workload's own measures: its own time, its own errors, and the work per request.

An observation contains what callers experienced. Subtracting the time spent waiting for callees and the
errors inherited from them leaves the workload's own share; both need the call graph.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from marskit.domain.observation import EdgeObservation, Observation, WorkloadObservation
from marskit.domain.topology import GATEWAY

MIN_MEAN_REQUESTS = 10
"""Smallest number of requests for a mean of a workload's own."""
EXHAUSTED = 0.95
"""Utilisation above which unserved requests may have been turned away, from 0 to 1."""
_COVERED = 0.5
"""Share of the window for which utilisation must be known for the replicas that are ready now."""
NEVER_ARRIVED = frozenset({"UH", "UF", "UC", "LH"})
"""Envoy's flags for requests that no replica answered, because there was none or it ended."""
ON_THE_WAY = frozenset({"FI", "NC", "NR", "RL"})
"""Envoy's flags for requests that failed on the way: a fault filter, a missing route, a limit.

An open circuit breaker (UO) is not included: on an edge, overload looks like that."""
_NO_CAUSE = "URX"
"""Flag for exhausted retries, beside the flag for their cause; alone, it means that the service failed."""


@dataclass(frozen=True, slots=True)
class Own:
    """One workload's own measures over one window."""

    workload: str
    requests: int
    """Number of requests from all its callers."""
    tries: int
    """Number of requests, retries included."""
    errors: float
    """Number of requests that it answered with an error that it did not inherit."""
    lost: int
    """Number of requests that found no replica, or one that ended."""
    latency_ms: float | None
    """Mean time of a success at its callers, queueing included, less the time of its own calls."""
    latency_n: int
    busy_ms: float | None
    """Time for which one request keeps all workers of one replica busy; independent of the load."""
    busy_n: int
    """Number of requests that `busy_ms` rests on."""

    @property
    def error_percent(self) -> float | None:
        """The share of its own errors, in percent; None without requests."""
        return 100.0 * self.errors / self.requests if self.requests else None

    def plus(self, other: "Own") -> "Own":
        """The same workload over two windows that do not overlap; latencies are this window's."""
        busy_n = self.busy_n + other.busy_n
        busy = [each for each in (self, other) if each.busy_ms is not None]
        total_ms = sum((each.busy_ms or 0.0) * each.busy_n for each in busy)
        return replace(
            self,
            requests=self.requests + other.requests,
            tries=self.tries + other.tries,
            errors=self.errors + other.errors,
            lost=self.lost + other.lost,
            busy_ms=total_ms / busy_n if busy_n else None,
            busy_n=busy_n,
        )


def own_measures(observation: Observation) -> tuple[Own, ...]:
    """Every workload's own measures, in the order of the observation."""
    return tuple(own_measure(workload, observation) for workload in observation.workloads)


def entry_rate(observation: Observation) -> float:
    """Requests per second that enter the mesh: the load level."""
    return sum(edge.requests_per_s for edge in observation.edges if edge.edge.source == GATEWAY)


def flagged(edge: EdgeObservation, flags: frozenset[str]) -> int:
    """Number of the edge's failures that carry one of these flags."""
    return sum(count for flag, count in edge.response_flags or () if flag in flags)


def own_measure(workload: WorkloadObservation, observation: Observation) -> Own:
    """The own measures of one of the observation's workloads."""
    name, window_s = workload.workload, observation.window_s
    into = [edge for edge in observation.edges if edge.edge.workload == name]
    calls = [edge for edge in observation.edges if edge.edge.source == name]
    requests = sum(edge.requests_per_s for edge in into) * window_s
    tries = requests + sum(edge.retries_per_s or 0.0 for edge in into) * window_s
    # Whoever gives up a call fails because of it, whatever the flag.
    inherited = sum(edge.failures_per_s for edge in calls) * window_s
    # A failure with a flag was Envoy's doing, so the workload's own errors carry none.
    errors = max(0.0, sum(_unflagged(edge, window_s) for edge in into) - inherited)
    busy_ms, busy_n = _busy_ms(workload, tries, errors, window_s)
    latency_ms, latency_n = _latency_ms(into, calls)
    return Own(
        workload=name,
        requests=round(requests),
        tries=round(tries),
        errors=errors,
        lost=sum(flagged(edge, NEVER_ARRIVED) for edge in into),
        latency_ms=latency_ms,
        latency_n=latency_n,
        busy_ms=busy_ms,
        busy_n=busy_n,
    )


def _unflagged(edge: EdgeObservation, window_s: float) -> float:
    given = sum(count for flag, count in edge.response_flags or () if flag != _NO_CAUSE)
    return max(0.0, edge.failures_per_s * window_s - given)


def _busy_ms(
    workload: WorkloadObservation, tries: float, errors: float, window_s: float
) -> tuple[float | None, int]:
    """Utilisation law (Denning and Buzen 1978): busy time is throughput times service time."""
    busy, ready = workload.utilisation, workload.replicas_ready
    if busy is None or ready is None or tries <= 0 or window_s <= 0:
        return None, 0
    # A full queue turns requests away: those were answered with an error and took no time.
    served = max(1.0, tries - errors) if busy > EXHAUSTED else tries
    covered = min(1.0, (workload.utilisation_s or window_s) / window_s)
    if covered < _COVERED:
        # Replicas have just changed: under a rising load, the utilisation since then does not match the
        # throughput of the whole window.
        return None, 0
    return 1000.0 * busy * max(1, workload.replicas_running) * window_s / served, round(served * covered)


def _latency_ms(
    into: Iterable[EdgeObservation], calls: Iterable[EdgeObservation]
) -> tuple[float | None, int]:
    """Means add up along a request, so the rest of the caller's time is the workload's own."""
    seen = [(edge.latency.n, edge.latency.mean_ms) for edge in into if edge.latency.mean_ms is not None]
    n = sum(count for count, _ in seen)
    if n == 0:
        return None, 0
    waited_ms = sum(edge.latency.n * (edge.latency.mean_ms or 0.0) for edge in calls) / n
    whole_ms = sum(count * mean_ms for count, mean_ms in seen) / n
    return max(0.0, whole_ms - waited_ms), n


@dataclass(frozen=True, slots=True)
class Measure:
    """One watched number, and the number of requests it rests on."""

    metric: str
    subject: str
    value: float
    n: int
    by_load: bool = False
    """Whether the usual value depends on the load."""


LATENCY, ERRORS, OWN_ERRORS = "latency_p95_ms", "error_percent", "own_error_percent"
BUSY, OWN_LATENCY = "busy_per_request_ms", "own_latency_ms"


def measures(observation: Observation, owns: Iterable[Own]) -> Iterator[Measure]:
    """All numbers with baselines: callers' measures for services, own measures for workloads."""
    window_s = observation.window_s
    for service in observation.services:
        latency = service.latency
        if latency.p95_is_trusted and latency.p95_ms is not None:
            yield Measure(LATENCY, service.service, latency.p95_ms, latency.n, by_load=True)
        if service.error_percent is not None:
            n = round(service.requests_per_s * window_s)
            yield Measure(ERRORS, service.service, service.error_percent, n)
    for own in owns:
        if own.error_percent is not None:
            yield Measure(OWN_ERRORS, own.workload, own.error_percent, own.requests)
        if own.busy_ms is not None and own.busy_n >= MIN_MEAN_REQUESTS:
            yield Measure(BUSY, own.workload, own.busy_ms, own.busy_n)
        if own.latency_ms is not None and own.latency_n >= MIN_MEAN_REQUESTS:
            yield Measure(OWN_LATENCY, own.workload, own.latency_ms, own.latency_n, by_load=True)
