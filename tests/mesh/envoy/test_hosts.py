"""The traffic of single replicas from Envoy's own list of endpoints."""

from typing import Any

from marskit.domain.metrics import ReplicaSample
from marskit.mesh.envoy.hosts import HostTraffic

A, B = 4001, 4002


def host(
    port: int,
    *,
    active: int = 0,
    total: int = 0,
    success: int = 0,
    error: int = 0,
    timeout: int = 0,
    ejected: bool = False,
) -> dict[str, Any]:
    """One endpoint as Envoy's `/clusters?format=json` prints it; gauges and counters of 0 have no value."""
    stats = {
        "rq_active": active,
        "rq_error": error,
        "rq_success": success,
        "rq_timeout": timeout,
        "rq_total": total,
    }
    return {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "stats": [
            {"name": name, **({"value": str(value)} if value else {})} for name, value in stats.items()
        ],
        "health_status": {
            "eds_health_status": "HEALTHY",
            **({"failed_outlier_check": True} if ejected else {}),
        },
    }


class Clusters:
    """As much of a proxy as is needed."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []

    def have(self, **clusters: list[dict[str, Any]]) -> None:
        self.found = [{"name": name, "host_statuses": hosts} for name, hosts in clusters.items()]

    async def clusters(self) -> list[dict[str, Any]]:
        return self.found


async def test_every_replica_is_counted_over_all_its_callers_since_the_last_reading() -> None:
    clusters = Clusters()
    traffic = HostTraffic(clusters)  # type: ignore[arg-type] # as much of a Proxy as is needed
    ports = {"payments-1": A, "payments-2": B, "payments-3": 4003}
    clusters.have(
        one=[host(A, active=2, total=12, success=9, error=1), host(B)],
        two=[host(A, active=1, total=3, success=2)],
    )
    found = await traffic.read(ports)
    assert found["payments-1"] == ReplicaSample("payments-1", 3, 15, 12)
    assert found["payments-2"] == ReplicaSample("payments-2", 0, 0, 0)
    assert "payments-3" not in found, "Envoy does not know it yet"
    clusters.have(
        one=[
            host(A, active=5, total=17, success=10, error=1),
            host(B, total=4, error=4, timeout=4, ejected=True),
        ],
        two=[host(A, active=1, total=3, success=2)],
    )
    found = await traffic.read(ports)
    assert found["payments-1"] == ReplicaSample("payments-1", 6, 5, 1)
    # What Envoy gave up was not answered, although it counts it as an error.
    assert found["payments-2"] == ReplicaSample("payments-2", 0, 4, 0, ejected=True)


async def test_a_cluster_that_is_made_anew_counts_from_nothing() -> None:
    clusters = Clusters()
    traffic = HostTraffic(clusters)  # type: ignore[arg-type] # as much of a Proxy as is needed
    clusters.have(one=[host(A, total=100, success=100)], two=[host(A, total=50, success=50)])
    await traffic.read({"a": A})
    clusters.have(one=[host(A, active=3, total=3)], two=[host(A, total=52, success=52)])
    assert await traffic.read({"a": A}) == {"a": ReplicaSample("a", 3, 5, 2)}


async def test_an_envoy_without_clusters_has_no_traffic() -> None:
    assert await HostTraffic(Clusters()).read({"a": A}) == {}  # type: ignore[arg-type] # as much as is needed
