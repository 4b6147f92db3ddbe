from pathlib import PurePosixPath
from typing import Any

import pytest

from marskit.domain.config import OutlierDetection
from marskit.mesh.envoy.resources.clusters import UNLIMITED, assignment, cluster
from marskit.mesh.envoy.resources.model import ClusterKey, Resource
from marskit.mesh.envoy.resources.registry import Registry
from marskit.mesh.manifests.istio import (
    ConnectionPool,
    ConsistentHash,
    DestinationRule,
    LoadBalancer,
    Subset,
    TrafficPolicy,
)
from marskit.mesh.manifests.model import ManifestError
from tests.mesh.envoy.resources.factory import FOOD, MUSIC, NAMESPACE, SHOP, TILLS, config, endpoints

FOLDER = PurePosixPath("/xds")


def rule(policy: TrafficPolicy | None = None, of_food: TrafficPolicy | None = None) -> DestinationRule:
    food = Subset("food", (("version", "food"),), of_food)
    return DestinationRule("shop", NAMESPACE, SHOP, policy, (food,))


def made(*rules: DestinationRule, subset: str | None = "food") -> Resource:
    return cluster(ClusterKey("edge", SHOP, 8080, subset), Registry(config(rules=rules)), FOLDER)


def limits(resource: Resource) -> dict[str, Any]:
    [thresholds] = resource["circuit_breakers"]["thresholds"]
    return {name: value for name, value in thresholds.items() if name != "track_remaining"}


def protocol(resource: Resource) -> dict[str, Any]:
    [options] = resource["typed_extension_protocol_options"].values()
    common: dict[str, Any] = options["common_http_protocol_options"]
    return common


def test_the_defaults_are_istios() -> None:
    resource = made(rule())
    assert resource["lb_policy"] == "LEAST_REQUEST"
    assert set(limits(resource).values()) == {UNLIMITED}
    assert "outlier_detection" not in resource
    assert resource["connect_timeout"] == "0.250s"
    assert protocol(resource) == {"idle_timeout": "1.500s"}


def test_the_endpoints_come_from_a_file_of_their_own() -> None:
    source = made(rule())["eds_cluster_config"]["eds_config"]
    assert source["path_config_source"]["path"] == "/xds/eds-edge~8080~food~shop.town.svc.cluster.local.json"


def test_a_connection_pool_becomes_limits() -> None:
    pool = ConnectionPool(1, 500, 2, 3, 4, 5, 6000)
    resource = made(rule(TrafficPolicy(connection_pool=pool)))
    assert limits(resource) == {
        "max_connections": 1,
        "max_pending_requests": 2,
        "max_requests": 3,
        "max_retries": 5,
    }
    assert resource["connect_timeout"] == "0.500s"
    assert protocol(resource) == {"idle_timeout": "6.000s", "max_requests_per_connection": 4}


def test_outlier_detection_ejects_for_what_was_asked_and_nothing_else() -> None:
    outliers = OutlierDetection(7, interval_ms=500, base_ejection_ms=10_000, max_ejection_percent=60)
    assert made(rule(TrafficPolicy(outlier_detection=outliers)))["outlier_detection"] == {
        "consecutive_5xx": 7,
        "enforcing_consecutive_5xx": 100,
        "enforcing_success_rate": 0,
        "interval": "0.500s",
        "base_ejection_time": "10.000s",
        "max_ejection_percent": 60,
    }


def test_gateway_errors_eject_only_when_written() -> None:
    outliers = OutlierDetection(0, interval_ms=500, base_ejection_ms=10_000, max_ejection_percent=60)
    policy = TrafficPolicy(outlier_detection=outliers, consecutive_gateway_errors=3)
    detection = made(rule(policy))["outlier_detection"]
    assert detection["consecutive_gateway_failure"] == 3
    assert detection["enforcing_consecutive_gateway_failure"] == 100
    assert detection["enforcing_consecutive_5xx"] == 0


def test_a_subsets_setting_replaces_the_hosts_and_leaves_the_others() -> None:
    of_host = TrafficPolicy(
        LoadBalancer.RANDOM, connection_pool=ConnectionPool(max_connections=1, max_requests=1)
    )
    of_food = TrafficPolicy(connection_pool=ConnectionPool(max_connections=9))
    resource = made(rule(of_host, of_food))
    assert resource["lb_policy"] == "RANDOM"
    assert limits(resource)["max_connections"] == 9
    assert limits(resource)["max_requests"] == UNLIMITED
    assert limits(made(rule(of_host, of_food), subset=None))["max_connections"] == 1


def test_a_subsets_algorithm_replaces_the_hosts_hashing() -> None:
    of_host = TrafficPolicy(consistent_hash=ConsistentHash(header="x"))
    assert made(rule(of_host, TrafficPolicy(LoadBalancer.ROUND_ROBIN)))["lb_policy"] == "ROUND_ROBIN"
    assert made(rule(of_host))["ring_hash_lb_config"] == {"minimum_ring_size": 1024}


def test_passing_through_is_refused_by_name() -> None:
    with pytest.raises(ManifestError, match=r"DestinationRule town/shop: .*simple is PASSTHROUGH"):
        made(rule(TrafficPolicy(LoadBalancer.PASSTHROUGH)))


@pytest.mark.parametrize(("subset", "expected"), [("food", [FOOD]), (None, [FOOD, MUSIC])])
def test_ready_replicas_are_chosen_by_label(subset: str | None, expected: list[str]) -> None:
    key = ClusterKey("edge", SHOP, 8080, subset)
    resource = assignment(key, Registry(config()), endpoints(TILLS, MUSIC, FOOD))
    [group] = resource["endpoints"]
    found = [each["metadata"]["filter_metadata"]["marskit"]["workload"] for each in group["lb_endpoints"]]
    assert found == expected


def test_the_order_of_replicas_does_not_matter() -> None:
    key = ClusterKey("edge", SHOP, 8080, None)
    ready = endpoints(FOOD, FOOD, MUSIC)
    registry = Registry(config())
    assert assignment(key, registry, ready) == assignment(key, registry, ready[::-1])
