from typing import Any

from marskit.domain.config import Configuration
from marskit.domain.topology import GATEWAY, EdgeId, Service, Topology, Workload
from marskit.mesh.envoy.resources.model import Listener
from marskit.mesh.envoy.telemetry import EdgeNames, Telemetry

EDGE = EdgeId(GATEWAY, "orders", "orders")
TOPOLOGY = Topology(
    "demo", (Service("orders", "demo", 80, ("orders",)),), (Workload("orders", "orders", None),), (EDGE,)
)
NAMES = EdgeNames(TOPOLOGY, Configuration((), (), ()), [Listener("gateway", GATEWAY, None, 80)])


class Envoys:
    """One Envoy after the other, each with its own counter; the next may start while one is asked."""

    def __init__(self) -> None:
        self.starts = 1
        self.requests = 0

    async def stats(self, pattern: str) -> list[dict[str, Any]]:
        counted = self.requests
        if counted == 150:
            self.starts, self.requests = 2, 0
        routed = "marskit.rq.edge.<gateway>.workload.<orders>.cluster.<>.code.<200>.flags.<->"
        unrouted = "marskit.rq.edge.<gateway>.workload.<>.cluster.<>.code.<404>.flags.<NR>"
        return [{"name": routed, "value": counted}, {"name": unrouted, "value": counted // 10}]


async def test_an_envoy_that_is_replaced_while_it_is_asked_is_counted_once() -> None:
    envoys = Envoys()
    telemetry = Telemetry(envoys, NAMES)  # type: ignore[arg-type] # as much of a Proxy as is needed
    seen = []
    for envoys.requests in (100, 150, 20, 50):
        reading = await telemetry.read()
        (sample,) = reading.edges
        seen.append((sample.requests, reading.unrouted, reading.resets))
    assert seen == [(100, 10, 0), (50, 5, 0), (20, 2, 1), (30, 3, 0)]
