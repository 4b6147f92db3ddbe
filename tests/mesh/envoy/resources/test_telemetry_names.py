import pytest

from marskit.mesh.envoy.resources.model import ClusterKey
from marskit.mesh.envoy.resources.telemetry_names import (
    ClusterStat,
    Latencies,
    Requests,
    parse_cluster_stat,
    parse_latencies,
    parse_requests,
)

KEY = ClusterKey("front__shop.uk__8080", "shop.uk.svc.cluster.local", 8080, "v1.2")


def test_a_counter_says_edge_workload_cluster_code_and_flags() -> None:
    name = (
        "marskit.rq.edge.<front__shop.uk__8080>.workload.<shop.v1.cluster.x>"
        ".cluster.<front__shop.uk__8080|8080|v1.2|shop.uk.svc.cluster.local>.code.<503>.flags.<URX,UF>"
    )
    assert parse_requests(name) == Requests(
        "front__shop.uk__8080", "shop.v1.cluster.x", KEY, 503, ("URX", "UF")
    )


def test_what_never_met_a_route_has_neither_cluster_nor_workload() -> None:
    name = "marskit.rq.edge.<ingress>.workload.<>.cluster.<>.code.<404>.flags.<NR>"
    assert parse_requests(name) == Requests("ingress", None, None, 404, ("NR",))


def test_a_destination_without_subset() -> None:
    cluster = "ingress|80||shop.uk.svc.cluster.local"
    name = f"marskit.rq.edge.<ingress>.workload.<>.cluster.<{cluster}>.code.<0>.flags.<->"
    key = ClusterKey("ingress", "shop.uk.svc.cluster.local", 80, None)
    assert parse_requests(name) == Requests("ingress", None, key, 0, ())


@pytest.mark.parametrize("workload", ["shop", None])
def test_a_histogram_says_edge_and_workload(workload: str | None) -> None:
    assert parse_latencies(f"marskit.ok.edge.<ingress>.workload.<{workload or ''}>") == Latencies(
        "ingress", workload
    )


def test_envoys_own_statistics_of_a_cluster() -> None:
    name = f"cluster.{KEY.name}.outlier_detection.ejections_active"
    assert parse_cluster_stat(name) == ClusterStat(KEY, "outlier_detection.ejections_active")


@pytest.mark.parametrize("name", ["cluster.other.upstream_rq_total", "http.ingress.downstream_rq_total", ""])
def test_other_names_are_not_ours(name: str) -> None:
    assert parse_requests(name) is None
    assert parse_latencies(name) is None
    assert parse_cluster_stat(name) is None
