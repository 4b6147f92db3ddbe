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
    TrafficPolicy,
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
        "host: '*.local'",
        "{host: orders, workloadSelector: {}}",
        "{host: orders, trafficPolicy: {tls: {mode: SIMPLE}}}",
        "{host: orders, trafficPolicy: {loadBalancer: {simple: RANDOM, consistentHash: {}}}}",
        "{host: orders, trafficPolicy: {outlierDetection: {interval: 0s}}}",
        "{host: orders, trafficPolicy: {outlierDetection: {maxEjectionPercent: 101}}}",
        "{host: orders, trafficPolicy: {connectionPool: {http: {useClientProtocol: true}}}}",
        "{host: orders, trafficPolicy: {connectionPool: {http: {maxRetries: -1}}}}",
    ],
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(FieldError):
        parsed(text)
