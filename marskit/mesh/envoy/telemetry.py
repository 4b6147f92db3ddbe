"""The traffic on each edge: differences between two readings of Envoy's statistics."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from marskit.domain.config import Configuration
from marskit.domain.metrics import EdgeSample, Histogram
from marskit.domain.topology import GATEWAY, EdgeId, Topology
from marskit.mesh.envoy.proxy import Proxy
from marskit.mesh.envoy.resources.model import ClusterKey, Listener
from marskit.mesh.envoy.resources.telemetry_names import parse_cluster_stat, parse_latencies, parse_requests
from marskit.system.local_http import HttpError

UNKNOWN = "unknown"
"""Istio's word for the workload of requests that failed before one was chosen."""
_FIRST_FAILURE = 500
_NO_ANSWER = 0
_US_PER_MS = 1000.0
_CLUSTER_STATS = {
    "upstream_rq_active": "in_flight",
    "upstream_rq_retry": "retries",
    "upstream_rq_timeout": "timeouts",
    "upstream_rq_per_try_timeout": "timeouts",
    "outlier_detection.ejections_active": "ejected",
}
FILTER = rf"^marskit\.|^cluster\..*\.({'|'.join(_CLUSTER_STATS)})$"


@dataclass(slots=True)
class EdgeTotals:
    """Envoy's counters for one edge since its start, and its present gauges."""

    requests: int = 0
    failures: int = 0
    retries: int | None = None
    """None, here and below, if none of Envoy's clusters stands for this edge alone."""
    timeouts: int | None = None
    in_flight: int | None = None
    ejected: int | None = None
    flags: Counter[str] = field(default_factory=Counter)
    successes_ms: Histogram = field(default_factory=Histogram)

    def is_before(self, other: "EdgeTotals") -> bool:
        """Whether a counter is lower than in a reading that should be earlier."""
        mine = (self.requests, self.failures, self.retries or 0, self.timeouts or 0)
        theirs = (other.requests, other.failures, other.retries or 0, other.timeouts or 0)
        return any(now < before for now, before in zip(mine, theirs, strict=True))

    def since(self, edge: EdgeId, earlier: "EdgeTotals") -> EdgeSample:
        """The traffic since an earlier reading of the same Envoy."""
        return EdgeSample(
            edge,
            requests=self.requests - earlier.requests,
            failures=self.failures - earlier.failures,
            successes_ms=self.successes_ms.minus(earlier.successes_ms),
            in_flight=self.in_flight,
            retries=_since(self.retries, earlier.retries),
            timeouts=_since(self.timeouts, earlier.timeouts),
            ejected=self.ejected,
            response_flags=tuple(sorted((self.flags - earlier.flags).items())),
        )


def _since(now: int | None, earlier: int | None) -> int | None:
    return None if now is None else now - (earlier or 0)


@dataclass(frozen=True, slots=True)
class Reading:
    """What passed since the previous reading."""

    edges: tuple[EdgeSample, ...]
    unrouted: int
    """Users' requests that the gateway answered itself."""
    resets: int
    """How often Envoy's counters began at 0 again."""


class EdgeNames:
    """Maps statistics to edges."""

    def __init__(
        self, topology: Topology, configuration: Configuration, listeners: Iterable[Listener]
    ) -> None:
        self._sources = {listener.name: listener.source for listener in listeners}
        self._services = {workload.name: workload.service for workload in topology.workloads}
        # A workload behind two Services is called through each of them.
        self._called = {(edge.source, edge.workload): edge for edge in reversed(topology.edges)}
        self._workloads = {
            f"{service.name}.{service.namespace}.svc.cluster.local": (service.name, service.workloads)
            for service in topology.services
        }
        destinations = (destination for route in configuration.routes for destination in route.destinations)
        self._subsets = {(d.service, d.subset): d.workload for d in destinations if d.subset and d.workload}

    def answered(self, listener: str, workload: str) -> EdgeId | None:
        """The edge of a request that a replica answered; None if it belongs to another mesh."""
        if listener not in self._sources or workload not in self._services:
            return None
        source = self._sources[listener]
        return self._called.get((source, workload)) or EdgeId(source, self._services[workload], workload)

    def is_entrance(self, listener: str) -> bool:
        """Whether the users' requests enter by that listener."""
        return self._sources.get(listener) == GATEWAY

    def unanswered(self, cluster: ClusterKey) -> EdgeId | None:
        """The edge of a request for which no replica was chosen, and of Envoy's own statistics.

        A subset or a service with one workload is unambiguous; with several it is `unknown`.
        """
        if cluster.listener not in self._sources or cluster.host not in self._workloads:
            return None
        service, workloads = self._workloads[cluster.host]
        subset = self._subsets.get((service, cluster.subset)) if cluster.subset else None
        workload = subset or (workloads[0] if len(workloads) == 1 else UNKNOWN)
        return EdgeId(self._sources[cluster.listener], service, workload)


class Telemetry:
    """Reads Envoy's statistics and keeps the last reading."""

    def __init__(self, proxy: Proxy, names: EdgeNames) -> None:
        self._proxy = proxy
        self._names = names
        self._last: Mapping[EdgeId, EdgeTotals] = {}
        self._unrouted = 0
        self._starts = 0
        self._resets = 0

    async def read(self) -> Reading:
        """The traffic since the last reading; raises HttpError while Envoy does not respond."""
        # The number of starts before the request: another Envoy may have taken over by the response.
        starts = self._proxy.starts
        stats = await self._proxy.stats(FILTER)
        totals, unrouted = read_totals(stats, self._names), count_unrouted(stats, self._names)
        # A restarted Envoy counts from 0 again.
        is_same = starts == self._starts
        last, unrouted_before = (self._last, self._unrouted) if is_same else ({}, 0)
        if any(total.requests and edge not in totals for edge, total in last.items()):
            # Kept: the next whole answer is compared with the last whole one.
            raise HttpError("the answer is incomplete: known edges are missing")
        if self._starts:
            self._resets += starts - self._starts
        self._last, self._unrouted, self._starts = totals, unrouted, starts
        if any(totals[edge].is_before(total) for edge, total in last.items() if edge in totals):
            self._resets += 1
            raise HttpError("the counters were reset: the requests since the last reading are not known")
        edges = tuple(
            total.since(edge, last.get(edge, EdgeTotals())) for edge, total in sorted(totals.items())
        )
        resets, self._resets = self._resets, 0
        return Reading(edges, max(0, unrouted - unrouted_before), resets)


def read_totals(stats: Iterable[Mapping[str, Any]], names: EdgeNames) -> dict[EdgeId, EdgeTotals]:
    """Envoy's JSON statistics by edge, without those of the proxy's own responses."""
    totals: defaultdict[EdgeId, EdgeTotals] = defaultdict(EdgeTotals)
    for stat in stats:
        if "histograms" in stat:
            for details in stat["histograms"]["details"]:
                latencies = parse_latencies(details["name"])
                if latencies and latencies.workload:
                    edge = names.answered(latencies.edge, latencies.workload)
                    if edge:
                        totals[edge].successes_ms = _histogram(details["totals"])
        elif requests := parse_requests(stat["name"]):
            if requests.workload:
                edge = names.answered(requests.edge, requests.workload)
            else:
                edge = names.unanswered(requests.cluster) if requests.cluster else None
            if edge:
                total, count = totals[edge], stat["value"]
                total.requests += count
                if requests.code >= _FIRST_FAILURE or requests.code == _NO_ANSWER:
                    total.failures += count
                    total.flags.update(dict.fromkeys(requests.flags, count))
        elif found := parse_cluster_stat(stat["name"]):
            edge = names.unanswered(found.cluster)
            if edge:
                total, field_name = totals[edge], _CLUSTER_STATS[found.stat]
                setattr(total, field_name, (getattr(total, field_name) or 0) + stat["value"])
    # An unknown workload that nothing happened to is none.
    return {edge: total for edge, total in totals.items() if edge.workload != UNKNOWN or _has_happened(total)}


def count_unrouted(stats: Iterable[Mapping[str, Any]], names: EdgeNames) -> int:
    """The users' requests that the gateway answered itself: no route, a direct response or a redirect."""
    return sum(
        stat["value"]
        for stat in stats
        if "histograms" not in stat
        and (requests := parse_requests(stat["name"]))
        and not requests.workload
        and requests.cluster is None
        and names.is_entrance(requests.edge)
    )


def _has_happened(total: EdgeTotals) -> bool:
    return any((total.requests, total.in_flight, total.retries, total.timeouts, total.ejected))


def _histogram(bins: Iterable[Mapping[str, float]]) -> Histogram:
    return Histogram(
        tuple(
            (bin_["lower_bound"] / _US_PER_MS, bin_["width"] / _US_PER_MS, int(bin_["count"]))
            for bin_ in bins
        )
    )
