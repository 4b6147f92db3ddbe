from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import pytest

from marskit.domain.config import OutlierDetection
from marskit.mesh.envoy.resources.clusters import UNLIMITED, assignment, cluster
from marskit.mesh.envoy.resources.model import ClusterKey, Listener, Resource
from marskit.mesh.envoy.resources.registry import Registry
from marskit.mesh.manifests.istio import (
    DestinationRule,
    Subset,
)
from marskit.mesh.manifests.traffic_policy import (
    ConnectionPool,
    ConsistentHash,
    LoadBalancer,
    OutlierChoice,
    RetryBudget,
    TrafficPolicy,
    Warmup,
)
from tests.mesh.envoy.resources.factory import (
    FOOD,
    MUSIC,
    NAMESPACE,
    SHOP,
    SHOP_RULE,
    TILLS,
    config,
    endpoints,
)

FOLDER = PurePosixPath("/xds")


def rule(policy: TrafficPolicy | None = None, of_food: TrafficPolicy | None = None) -> DestinationRule:
    food = Subset("food", (("version", "food"),), of_food)
    return DestinationRule("shop", NAMESPACE, SHOP, policy, (food,))


def registry(*rules: DestinationRule) -> Registry:
    return Registry(config(rules=rules), [Listener("edge", "front", SHOP, 8080)])


def made(*rules: DestinationRule, subset: str | None = "food") -> Resource:
    return cluster(ClusterKey("edge", SHOP, 8080, subset), registry(*rules), FOLDER)


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
    policy = TrafficPolicy(outlier_detection=outliers, outlier_choice=OutlierChoice(gateway_errors=3))
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


def test_settings_for_a_port_replace_the_hosts_and_those_they_leave_out_are_defaults() -> None:
    limited = TrafficPolicy(
        LoadBalancer.RANDOM,
        connection_pool=ConnectionPool(max_connections=1),
        retry_budget=RetryBudget(50.0),
        ports=((8080, TrafficPolicy(consistent_hash=ConsistentHash(header="x"))),),
    )
    resource = made(rule(limited))
    assert resource["lb_policy"] == "RING_HASH"
    assert limits(resource)["max_connections"] == UNLIMITED
    assert limits(resource)["retry_budget"]["budget_percent"] == {"value": 50.0}
    elsewhere = replace(limited, ports=((81, limited.ports[0][1]),))
    assert made(rule(elsewhere))["lb_policy"] == "RANDOM"


def test_a_subset_goes_before_the_hosts_settings_for_a_port_and_its_own_before_both() -> None:
    of_port = TrafficPolicy(LoadBalancer.ROUND_ROBIN, connection_pool=ConnectionPool(max_connections=2))
    of_host = TrafficPolicy(ports=((8080, of_port),))
    resource = made(rule(of_host, TrafficPolicy(LoadBalancer.RANDOM)))
    assert resource["lb_policy"] == "RANDOM"
    assert limits(resource)["max_connections"] == 2
    narrowest = TrafficPolicy(LoadBalancer.RANDOM, ports=((8080, TrafficPolicy(LoadBalancer.LEAST_REQUEST)),))
    resource = made(rule(of_host, narrowest))
    assert resource["lb_policy"] == "LEAST_REQUEST"
    assert limits(resource)["max_connections"] == UNLIMITED


def test_the_narrowest_rule_that_covers_a_host_counts() -> None:
    wild = DestinationRule("wild", NAMESPACE, "*.local", TrafficPolicy(LoadBalancer.RANDOM))
    near = DestinationRule("near", NAMESPACE, f"*.{NAMESPACE}.svc.cluster.local", TrafficPolicy())
    exact = DestinationRule("shop", NAMESPACE, SHOP, TrafficPolicy(LoadBalancer.ROUND_ROBIN))
    assert made(wild, subset=None)["lb_policy"] == "RANDOM"
    assert made(wild, near, subset=None)["lb_policy"] == "LEAST_REQUEST"
    assert made(exact, wild, near, subset=None)["lb_policy"] == "ROUND_ROBIN"


@pytest.mark.parametrize(
    ("namespace", "export_to", "used"),
    [
        (NAMESPACE, ("*",), True),
        (NAMESPACE, (NAMESPACE,), True),
        (NAMESPACE, ("elsewhere",), False),
        ("istio-system", ("*",), True),
        ("istio-system", ("elsewhere",), False),
        ("elsewhere", ("*",), False),
    ],
)
def test_a_rule_counts_where_istio_would_look_for_it(
    namespace: str,
    export_to: tuple[str, ...],
    used: bool,  # noqa: FBT001 -- a parameter of the test
) -> None:
    policy = TrafficPolicy(LoadBalancer.RANDOM)
    found = made(DestinationRule("shop", namespace, SHOP, policy, (), export_to), subset=None)
    assert found["lb_policy"] == ("RANDOM" if used else "LEAST_REQUEST")


def test_maglev_warm_up_and_failures_to_connect() -> None:
    hashing = ConsistentHash(header="x", maglev_table_size=101)
    assert made(rule(TrafficPolicy(consistent_hash=hashing)))["maglev_lb_config"] == {"table_size": 101}
    warm = made(rule(TrafficPolicy(LoadBalancer.ROUND_ROBIN, warmup=Warmup(30_000, 5.0, 2.0))))
    assert warm["round_robin_lb_config"]["slow_start_config"] == {
        "slow_start_window": "30.000s",
        "min_weight_percent": {"value": 5.0},
        "aggression": {"default_value": 2.0, "runtime_key": "marskit.slow_start_aggression"},
    }
    outliers = OutlierDetection(5, interval_ms=500, base_ejection_ms=10_000, max_ejection_percent=60)
    choice = OutlierChoice(local_failures=4, split_local_failures=True, min_health_percent=30)
    resource = made(rule(TrafficPolicy(outlier_detection=outliers, outlier_choice=choice)))
    assert resource["common_lb_config"] == {"healthy_panic_threshold": {"value": 30}}
    assert resource["outlier_detection"]["consecutive_local_origin_failure"] == 4
    assert resource["outlier_detection"]["enforcing_consecutive_local_origin_failure"] == 100
    assert resource["outlier_detection"]["split_external_local_origin_errors"] is True


@pytest.mark.parametrize(("subset", "expected"), [("food", [FOOD]), (None, [FOOD, MUSIC])])
def test_ready_replicas_are_chosen_by_label(subset: str | None, expected: list[str]) -> None:
    key = ClusterKey("edge", SHOP, 8080, subset)
    resource = assignment(key, registry(SHOP_RULE), endpoints(TILLS, MUSIC, FOOD))
    [group] = resource["endpoints"]
    found = [each["metadata"]["filter_metadata"]["marskit"]["workload"] for each in group["lb_endpoints"]]
    assert found == expected


def test_the_order_of_replicas_does_not_matter() -> None:
    key = ClusterKey("edge", SHOP, 8080, None)
    ready = endpoints(FOOD, FOOD, MUSIC)
    known = registry(SHOP_RULE)
    assert assignment(key, known, ready) == assignment(key, known, ready[::-1])
