"""Every supported field of a DestinationRule, once."""

import pytest
import yaml

from marskit.domain.config import OutlierDetection
from marskit.mesh.manifests.fields import Field, FieldError
from marskit.mesh.manifests.istio import (
    DestinationRule,
    Subset,
)
from marskit.mesh.manifests.names import Scope
from marskit.mesh.manifests.parse_destination_rule import destination_rule
from marskit.mesh.manifests.traffic_policy import (
    ConnectionPool,
    ConsistentHash,
    LoadBalancer,
    OutlierChoice,
    RetryBudget,
    TrafficPolicy,
    Warmup,
)


def parsed(spec: str) -> DestinationRule:
    root = {"metadata": {"name": "dr"}, "spec": yaml.safe_load(spec)}
    return destination_rule(Field(root), "dr", Scope("shop", frozenset({"shop"})))


def policy(text: str) -> TrafficPolicy | None:
    return parsed(f"host: orders\ntrafficPolicy: {text}").traffic_policy


def test_a_rule_with_everything() -> None:
    found = parsed("""
host: orders
exportTo: ["*"]
trafficPolicy:
  loadBalancer: {simple: RANDOM}
  connectionPool:
    tcp: {maxConnections: 10, connectTimeout: 30ms}
    http:
      http1MaxPendingRequests: 5
      http2MaxRequests: 6
      maxRequestsPerConnection: 7
      maxRetries: 8
      idleTimeout: 1h
  outlierDetection:
    consecutive5xxErrors: 3
    consecutiveGatewayErrors: 2
    interval: 1s
    baseEjectionTime: 3m
    maxEjectionPercent: 100
  tls: {mode: ISTIO_MUTUAL}
subsets:
  - name: v1
    labels: {version: v1}
  - name: v2
    labels: {version: v2}
    trafficPolicy: {loadBalancer: {simple: LEAST_CONN}}
""")
    assert found == DestinationRule(
        name="dr",
        namespace="shop",
        host="orders.shop.svc.cluster.local",
        traffic_policy=TrafficPolicy(
            load_balancer=LoadBalancer.RANDOM,
            connection_pool=ConnectionPool(10, 30, 5, 6, 7, 8, 3_600_000),
            outlier_detection=OutlierDetection(3, 1000, 180_000, 100),
            outlier_choice=OutlierChoice(gateway_errors=2),
        ),
        subsets=(
            Subset("v1", (("version", "v1"),)),
            Subset("v2", (("version", "v2"),), TrafficPolicy(load_balancer=LoadBalancer.LEAST_REQUEST)),
        ),
    )


def test_what_is_not_written_is_istios_default() -> None:
    assert parsed("host: orders") == DestinationRule("dr", "shop", "orders.shop.svc.cluster.local")
    assert policy("{outlierDetection: {}}") == TrafficPolicy(
        outlier_detection=OutlierDetection(5, 10_000, 30_000, 10)
    )
    assert policy("{loadBalancer: {simple: UNSPECIFIED}}") == TrafficPolicy()
    # Istio takes 0 for no limit.
    assert policy("{connectionPool: {tcp: {maxConnections: 0}}}") == TrafficPolicy(
        connection_pool=ConnectionPool()
    )
    assert policy(
        "{outlierDetection: {consecutiveGatewayErrors: 0, consecutive5xxErrors: 0}}"
    ) == TrafficPolicy(outlier_detection=OutlierDetection(0, 10_000, 30_000, 10))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("httpHeaderName: x-user", ConsistentHash(header="x-user")),
        ("useSourceIp: true", ConsistentHash(use_source_ip=True)),
        (
            "httpQueryParameterName: q, minimumRingSize: 64",
            ConsistentHash(query_parameter="q", minimum_ring_size=64),
        ),
        (
            "httpCookie: {name: c, path: /p, ttl: 0s}, ringHash: {minimumRingSize: 32}",
            ConsistentHash(cookie="c", cookie_path="/p", cookie_ttl_ms=0, minimum_ring_size=32),
        ),
    ],
)
def test_consistent_hashes(text: str, found: ConsistentHash) -> None:
    assert policy(f"{{loadBalancer: {{consistentHash: {{{text}}}}}}}") == TrafficPolicy(consistent_hash=found)


@pytest.mark.parametrize(
    "text",
    [
        "host: 'a.*.local'",
        "{host: orders, trafficPolicy: {}}",
        "{host: orders, trafficPolicy: {connectionPool: {}}}",
        "{host: orders, trafficPolicy: {outlierDetection: {consecutiveLocalOriginFailures: 5}}}",
        "{host: o, trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true, maglev: {tableSize: 9}}"
        "}}}",
        "{host: orders, trafficPolicy: {portLevelSettings: [{loadBalancer: {simple: RANDOM}}]}}",
        "{host: orders, workloadSelector: {}}",
        "{host: orders, trafficPolicy: {tls: {mode: SIMPLE}}}",
        "{host: orders, trafficPolicy: {loadBalancer: {simple: RANDOM, consistentHash: {}}}}",
        "{host: orders, trafficPolicy: {outlierDetection: {interval: 0s}}}",
        "{host: orders, trafficPolicy: {outlierDetection: {maxEjectionPercent: 101}}}",
        "{host: orders, trafficPolicy: {connectionPool: {http: {h2UpgradePolicy: UPGRADE}}}}",
        "{host: orders, trafficPolicy: {connectionPool: {http: {maxRetries: -1}}}}",
    ],
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(FieldError):
        parsed(text)


def test_a_rule_for_many_services_with_settings_for_a_port() -> None:
    found = parsed("""
host: "*.shop.svc.cluster.local"
exportTo: ["."]
trafficPolicy:
  retryBudget: {percent: 25, minRetryConcurrency: 4}
  loadBalancer: {simple: ROUND_ROBIN, warmup: {duration: 10s, minimumPercent: 20, aggression: 1.5}}
  connectionPool:
    tcp: {idleTimeout: 3s, maxConnectionDuration: 60s, tcpKeepalive: {time: 60s, interval: 10s, probes: 3}}
    http: {maxConcurrentStreams: 10, useClientProtocol: true, h2UpgradePolicy: DO_NOT_UPGRADE}
  outlierDetection:
    {splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 2, minHealthPercent: 40}
  portLevelSettings:
    - port: {number: 8080}
      loadBalancer: {consistentHash: {httpHeaderName: x, maglev: {tableSize: 101}}}
""")
    assert (found.host, found.export_to) == ("*.shop.svc.cluster.local", ("shop",))
    policy = found.traffic_policy
    assert policy is not None
    assert policy.retry_budget == RetryBudget(25.0, 4)
    assert policy.warmup == Warmup(10_000, 20.0, 1.5)
    assert policy.connection_pool == ConnectionPool(idle_timeout_ms=3000, max_connection_ms=60_000)
    choice = OutlierChoice(local_failures=2, split_local_failures=True, min_health_percent=40)
    assert policy.outlier_choice == choice
    hashed = TrafficPolicy(consistent_hash=ConsistentHash(header="x", maglev_table_size=101))
    assert policy.ports == ((8080, hashed),)
