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
        name = "marskit.rq.edge.<gateway>.workload.<orders>.cluster.<>.code.<200>.flags.<->"
        return [{"name": name, "value": counted}]


async def test_an_envoy_that_is_replaced_while_it_is_asked_is_counted_once() -> None:
    envoys = Envoys()
    telemetry = Telemetry(envoys, NAMES)  # type: ignore[arg-type] # as much of a Proxy as is needed
    seen = []
    for envoys.requests in (100, 150, 20, 50):
        (sample,) = await telemetry.read()
        seen.append(sample.requests)
    assert seen == [100, 50, 20, 30]
