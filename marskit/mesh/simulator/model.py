"""What the twin knows of a mesh: stations that serve, the calls between them, and how long both take.

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

    A worker is held for the station's own service time, not while the request waits for what it calls.
    """

    workload: str
    service: str
    replicas: int
    """At the beginning; all of them are ready then."""
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
    """Requests that may wait in one replica; the next one is answered 503 at once."""
    balancer: Balancer
    start_s: float
    """From the decision to scale until a new replica is ready, if no other one starts meanwhile."""

    @property
    def capacity_per_s(self) -> float:
        """Requests per second that one replica can carry."""
        return 1000.0 * self.workers / self.service_ms


@dataclass(frozen=True, slots=True)
class RetryRule:
    """Which failed tries of a call are made again, and how often."""

    attempts: int
    """Further tries after the first."""
    per_try_timeout_ms: int | None
    on_overload: bool
    """A 503 of a full queue is tried again."""
    on_error: bool
    """A 500 is tried again."""
    on_timeout: bool
    """A try that ran into `per_try_timeout_ms`, or whose replica ended, is made again."""
    on_bad_gateway: bool = False
    """A 502, which the demo's services answer when a call of their own failed, is tried again."""

    def repeats(self) -> frozenset[str]:
        """The reasons, statuses or Envoy's flags, for which a try is made again; empty without attempts."""
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
    """How long a call waits for its retry of that number, the first being 1; `luck` is from 0 to below 1.

    Envoy's fully jittered exponential back-off: whole milliseconds below an interval that doubles every time.
    """
    return int(luck * min(BACK_OFF_MS << (retry - 1), LONGEST_BACK_OFF_MS)) / 1000.0


def retry_rule(retries: Retries | None) -> RetryRule:
    """What a route's retry policy means here; None is Istio's default, under which nothing here is repeated.

    Envoy's conditions: https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter
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
        # Envoy counts a try that it gave up itself as a reset, and a reset as an error of the gateway.
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
    a request that makes a rarer one makes the more frequent ones too.
    """
    hop_ms: float
    """What proxy, network and framework add to every try."""
    splits: tuple[tuple[str, int], ...]
    """`(workload, weight_percent)`, adding up to 100."""
    route: tuple[str, int] | None
    """`(virtual_service, index)` of the route that the weights, the timeout and the retries belong to."""
    subsets: tuple[str, ...] = ()
    """The names that a traffic shift has for `splits`, in their order; empty when it cannot be shifted."""
    timeout_ms: int | None = None
    retries: RetryRule = NO_RETRIES

    @property
    def try_limit_ms(self) -> int | None:
        """The time of a single try; Envoy ignores one that is not shorter than that of the whole call."""
        per_try_ms, whole_ms = self.retries.per_try_timeout_ms, self.timeout_ms
        return None if per_try_ms and whole_ms and per_try_ms >= whole_ms else per_try_ms

    def drawn(self, luck: float) -> str:
        """The workload that answers when `luck`, from 0 to below 1, decides among the weights."""
        at = 100.0 * luck
        for workload, weight in self.splits:
            at -= weight
            if at < 0.0:
                return workload
        return self.splits[-1][0]


@dataclass(frozen=True, slots=True)
class TwinModel:
    """A mesh as the twin sees it."""

    stations: tuple[Station, ...]
    """Callers before those whom they call."""
    calls: tuple[Call, ...]
    """The gateway's first, then by caller in the order of `stations`, each in the order it is made."""
    crowding: float = 0.0
    """Every other replica of the mesh that starts meanwhile makes a start take that share of itself longer.

    0 where every replica has a machine of its own, 1 where a start keeps all of a shared one busy.
    """

    def station(self, workload: str) -> Station:
        """The station of that workload; raises `KeyError` when there is none."""
        for station in self.stations:
            if station.workload == workload:
                return station
        raise KeyError(workload)

    def calls_of(self, source: str) -> tuple[Call, ...]:
        """The calls that `source` makes, in order."""
        return tuple(call for call in self.calls if call.source == source)

    def calls_by_source(self) -> dict[str, tuple[Call, ...]]:
        """The calls of the gateway and of every workload; what engines look up for every request."""
        sources = (GATEWAY, *(station.workload for station in self.stations))
        return {source: self.calls_of(source) for source in sources}

    def visits(self) -> dict[str, float]:
        """How often each workload is visited per request that enters the mesh, without retries."""
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
        """Every call with each workload that may answer it."""
        for call in self.calls:
            for workload, _ in call.splits:
                yield call, workload


def _shifted(call: Call, route: tuple[str, int], weights_percent: dict[str, int]) -> Call:
    if call.route != route or not call.subsets:
        return call
    pairs = zip(call.splits, call.subsets, strict=True)
    return replace(call, splits=tuple((workload, weights_percent[name]) for (workload, _), name in pairs))
