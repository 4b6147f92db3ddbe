"""The traffic of each replica: Envoy's statistics of single endpoints, summed over all callers."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from marskit.domain.metrics import ReplicaSample
from marskit.mesh.envoy.proxy import Proxy

Place = tuple[str, int]
"""A cluster's name and a port, which no two processes on one machine share."""


@dataclass(frozen=True, slots=True)
class HostTotals:
    """One caller's requests to an endpoint: those in flight, and counters since Envoy has known it."""

    in_flight: int = 0
    sent: int = 0
    answered: int = 0
    ejected: bool = False


class HostTraffic:
    """Reads Envoy's endpoints and keeps the last reading."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._last: Mapping[Place, HostTotals] = {}

    async def read(self, ports: Mapping[str, int]) -> dict[str, ReplicaSample]:
        """The traffic since the last call of the replicas at these ports, by name.

        Raises:
            HttpError: Envoy does not respond.
        """
        totals = host_totals(await self._proxy.clusters())
        last, self._last = self._last, totals
        traffic: defaultdict[int, list[HostTotals]] = defaultdict(list)
        for (cluster, port), now in totals.items():
            before = last.get((cluster, port), HostTotals())
            if now.sent < before.sent:
                # Envoy was restarted, or has made the cluster anew.
                before = HostTotals()
            traffic[port].append(
                HostTotals(
                    now.in_flight,
                    now.sent - before.sent,
                    max(0, now.answered - before.answered),
                    now.ejected,
                )
            )
        return {
            name: ReplicaSample(
                name,
                sum(each.in_flight for each in traffic[port]),
                sum(each.sent for each in traffic[port]),
                sum(each.answered for each in traffic[port]),
                any(each.ejected for each in traffic[port]),
            )
            for name, port in ports.items()
            if port in traffic
        }


def host_totals(clusters: Iterable[Mapping[str, Any]]) -> dict[Place, HostTotals]:
    """The totals of every endpoint of every cluster."""
    totals: dict[Place, HostTotals] = {}
    for cluster in clusters:
        for host in cluster.get("host_statuses", ()):
            stats = {stat["name"]: int(stat.get("value", 0)) for stat in host.get("stats", ())}
            port = host["address"]["socket_address"]["port_value"]
            # Envoy counts a request that it gave up as an error too.
            answered = stats["rq_success"] + stats["rq_error"] - stats["rq_timeout"]
            ejected = bool(host.get("health_status", {}).get("failed_outlier_check"))
            totals[cluster["name"], port] = HostTotals(
                stats["rq_active"], stats["rq_total"], answered, ejected
            )
    return totals
