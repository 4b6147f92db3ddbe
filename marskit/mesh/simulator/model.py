"""The twin's model of a mesh: stations that serve, the calls between them, and their times.

Times are real seconds or milliseconds, never scenario time. Everything is a plain number, so that a model can
be calibrated, randomised and printed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from marskit.domain.config import DEFAULT_RETRIES, DEFAULT_RETRY_ON, Retries
from marskit.domain.topology import GATEWAY


class Balancer(StrEnum):
    """How a caller's proxy chooses among the ready replicas of a workload."""

    LEAST_REQUEST = "LEAST_REQUEST"
    """The one with fewer requests of two that are drawn at random, as Envoy does it."""
    ROUND_ROBIN = "ROUND_ROBIN"
    RANDOM = "RANDOM"


class Distribution(StrEnum):
    """The shape of a service time."""

    LOGNORMAL = "lognormal"
    EXPONENTIAL = "exponential"
    CONSTANT = "constant"


@dataclass(frozen=True, slots=True)
class Station:
    """One workload: every replica has a few workers and a bounded first-come-first-served queue.

    A worker is occupied for the station's own service time, not while the request waits for further calls.
    """

    workload: str
    service: str
    replicas: int
    """Initial number; all of them are ready then."""
    min_replicas: int
    max_replicas: int
    workers: int
    """Requests that one replica serves at once."""
    service_ms: float
    """Mean service time."""
    service_cv: float
    """Coefficient of variation of the service time."""
    distribution: Distribution
    queue_limit: int
    """Number of requests that may wait in one replica; further ones get a 503 at once."""
    balancer: Balancer
    start_s: float
    """Time from the decision to scale until a new replica is ready, if no other one starts meanwhile."""

    @property
    def capacity_per_s(self) -> float:
        """Requests per second that one replica can carry."""
        return 1000.0 * self.workers / self.service_ms


@dataclass(frozen=True, slots=True)
class RetryRule:
    """Which failed tries of a call are retried, and how often."""

    attempts: int
    """Number of further tries after the first."""
    per_try_timeout_ms: int | None
    on_overload: bool
    """Whether a 503 of a full queue is retried."""
    on_error: bool
    """Whether a 500 is retried."""
    on_timeout: bool
    """Whether a try is retried that exceeded `per_try_timeout_ms`, or whose replica ended."""
    on_bad_gateway: bool = False
    """Whether a 502 is retried, which the demo's services return when a call of their own failed."""

    def repeats(self) -> frozenset[str]:
        """The reasons, statuses or Envoy's flags, for which a try is retried; empty without attempts."""
        reasons = {
            "503": self.on_overload,
            "500": self.on_error,
            "502": self.on_bad_gateway,
            "UT": self.on_timeout,
            "UC": self.on_timeout,
        }
        return frozenset(reason for reason, wanted in reasons.items() if wanted and self.attempts)


NO_RETRIES = RetryRule(0, None, on_overload=False, on_error=False, on_timeout=False)
BACK_OFF_MS = 25
LONGEST_BACK_OFF_MS = 250
"""Envoy's defaults: the base interval and ten times that."""


def back_off_s(retry: int, luck: float) -> float:
    """The back-off before retry number `retry`, from 1; `luck` is a random number from 0 to below 1.

    Envoy's fully jittered exponential back-off: whole milliseconds below an interval that doubles every time.
    """
    return int(luck * min(BACK_OFF_MS << (retry - 1), LONGEST_BACK_OFF_MS)) / 1000.0


def retry_rule(retries: Retries | None) -> RetryRule:
    """A route's retry policy in this model; None is Istio's default, which retries nothing that occurs here.

    Envoy's conditions:
    https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter
    """
    policy = retries or DEFAULT_RETRIES
    if policy.attempts == 0:
        return NO_RETRIES
    reasons = {reason.strip() for reason in (policy.retry_on or DEFAULT_RETRY_ON).split(",")}
    return RetryRule(
        attempts=policy.attempts,
        per_try_timeout_ms=policy.per_try_timeout_ms,
        on_overload=not reasons.isdisjoint({"5xx", "gateway-error", "503"}),
        on_error=not reasons.isdisjoint({"5xx", "500"}),
        # Envoy counts a try that it gave up as a reset, and a reset as a gateway error.
        on_timeout=not reasons.isdisjoint({"5xx", "gateway-error", "reset"}),
        on_bad_gateway=not reasons.isdisjoint({"5xx", "gateway-error", "502"}),
    )


@dataclass(frozen=True, slots=True)
class Call:
    """The calls from one source to one service, and how they are shared among its workloads."""

    source: str
    """`GATEWAY`, or the workload that calls."""
    service: str
    per_request: float
    """The share of the source's requests that make this call, 0 to 1.

    Those of the gateway add up to 1: every request enters by one of them. The calls of a workload are nested:
    a request that makes a rarer call also makes the more frequent ones.
    """
    hop_ms: float
    """Time that proxy, network and framework add to every try."""
    splits: tuple[tuple[str, int], ...]
    """`(workload, weight_percent)`, adding up to 100."""
    route: tuple[str, int] | None
    """`(virtual_service, index)` of the route with the weights, the timeout and the retries."""
    subsets: tuple[str, ...] = ()
    """The names of `splits` in a traffic shift, in order; empty if traffic cannot be shifted."""
    timeout_ms: int | None = None
    retries: RetryRule = NO_RETRIES

    @property
    def try_limit_ms(self) -> int | None:
        """The timeout of a single try; Envoy ignores one that is not shorter than the whole call's."""
        per_try_ms, whole_ms = self.retries.per_try_timeout_ms, self.timeout_ms
        return None if per_try_ms and whole_ms and per_try_ms >= whole_ms else per_try_ms

    def drawn(self, luck: float) -> str:
        """The workload chosen by the weights, given a random `luck` from 0 to below 1."""
        at = 100.0 * luck
        for workload, weight in self.splits:
            at -= weight
            if at < 0.0:
                return workload
        return self.splits[-1][0]


@dataclass(frozen=True, slots=True)
class TwinModel:
    """A mesh as modelled by the twin."""

    stations: tuple[Station, ...]
    """Callers before their callees."""
    calls: tuple[Call, ...]
    """The gateway's first, then by caller in the order of `stations`, each in calling order."""
    crowding: float = 0.0
    """Relative increase of a start's time per other replica that starts at the same time.

    0 if every replica has its own machine, 1 if a start occupies all of a shared one.
    """

    def station(self, workload: str) -> Station:
        """The station of that workload; raises `KeyError` if there is none."""
        for station in self.stations:
            if station.workload == workload:
                return station
        raise KeyError(workload)

    def calls_of(self, source: str) -> tuple[Call, ...]:
        """The calls that `source` makes, in order."""
        return tuple(call for call in self.calls if call.source == source)

    def calls_by_source(self) -> dict[str, tuple[Call, ...]]:
        """The calls of the gateway and of every workload, for quick look-up."""
        sources = (GATEWAY, *(station.workload for station in self.stations))
        return {source: self.calls_of(source) for source in sources}

    def visits(self) -> dict[str, float]:
        """Visits to each workload per request that enters the mesh, without retries."""
        visits = {GATEWAY: 1.0} | {station.workload: 0.0 for station in self.stations}
        for call in self.calls:
            for workload, weight in call.splits:
                visits[workload] += visits[call.source] * call.per_request * weight / 100.0
        del visits[GATEWAY]
        return visits

    def with_splits(self, route: tuple[str, int], weights_percent: dict[str, int]) -> "TwinModel":
        """The model after a traffic shift; `weights_percent` is by subset name."""
        return replace(self, calls=tuple(_shifted(call, route, weights_percent) for call in self.calls))

    def edges(self) -> Iterator[tuple[Call, str]]:
        """Every call with each workload that may serve it."""
        for call in self.calls:
            for workload, _ in call.splits:
                yield call, workload


def _shifted(call: Call, route: tuple[str, int], weights_percent: dict[str, int]) -> Call:
    if call.route != route or not call.subsets:
        return call
    pairs = zip(call.splits, call.subsets, strict=True)
    return replace(call, splits=tuple((workload, weights_percent[name]) for (workload, _), name in pairs))
