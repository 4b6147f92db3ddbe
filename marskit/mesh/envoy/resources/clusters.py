"""Destinations as Envoy clusters, and their ready replicas as endpoint assignments."""

from collections.abc import Sequence
from pathlib import PurePath

from marskit.domain.config import OutlierDetection
from marskit.mesh.envoy.resources.model import ClusterKey, Endpoint, Resource, duration, file_source, typed
from marskit.mesh.envoy.resources.registry import Registry
from marskit.mesh.envoy.resources.telemetry_names import METADATA
from marskit.mesh.manifests.istio import ConnectionPool, LoadBalancer, TrafficPolicy
from marskit.mesh.manifests.model import ManifestError

UNLIMITED = 4_294_967_295
"""Istio lifts Envoy's limits; Envoy's own would cut a burst short (3 retries at a time, 1024 requests)."""

DEFAULT_CONNECT_TIMEOUT_MS = 250
"""Connect timeout in ms: on one machine, a slower connection will not come."""

DEFAULT_IDLE_TIMEOUT_MS = 1_500
"""Shorter than servers keep connections (gunicorn 2 s, Node.js 5 s): the end that sends lets go first."""

RING_SIZE = 1024
"""Istio's default for consistent hashing."""


def cluster(key: ClusterKey, registry: Registry, directory: PurePath) -> Resource:
    """The cluster of one destination, with the traffic policy of its DestinationRule."""
    policy = registry.policy(key.host, key.subset)
    pool = policy.connection_pool or ConnectionPool()
    resource = typed(
        "envoy.config.cluster.v3.Cluster",
        name=key.name,
        type="EDS",
        eds_cluster_config={"eds_config": file_source(str(directory / key.file))},
        connect_timeout=duration(pool.connect_timeout_ms or DEFAULT_CONNECT_TIMEOUT_MS),
        circuit_breakers={"thresholds": [_thresholds(pool)]},
        # Sending to ejected replicas when few are left is not what Istio does.
        common_lb_config={"healthy_panic_threshold": {"value": 0}},
        typed_extension_protocol_options={
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": _http(pool)
        },
        **_balancing(policy, registry.rule_name(key.host)),
    )
    if policy.outlier_detection is not None:
        resource["outlier_detection"] = _outliers(policy.outlier_detection, policy.consecutive_gateway_errors)
    return resource


def assignment(key: ClusterKey, registry: Registry, endpoints: Sequence[Endpoint]) -> Resource:
    """The ready replicas of one destination, each labelled with its workload."""
    workloads = registry.workloads(key.host, key.subset, key.name)
    chosen = sorted(
        (endpoint.workload, endpoint.address, endpoint.port)
        for endpoint in endpoints
        if endpoint.workload in workloads
    )
    return typed(
        "envoy.config.endpoint.v3.ClusterLoadAssignment",
        cluster_name=key.name,
        endpoints=[
            {
                "lb_endpoints": [
                    {
                        "endpoint": {"address": {"socket_address": {"address": address, "port_value": port}}},
                        "metadata": {"filter_metadata": {METADATA: {"workload": workload}}},
                    }
                    for workload, address, port in chosen
                ]
            }
        ],
    )


def _thresholds(pool: ConnectionPool) -> Resource:
    limits = {
        "max_connections": pool.max_connections,
        "max_pending_requests": pool.max_pending_requests,
        "max_requests": pool.max_requests,
        "max_retries": pool.max_retries,
    }
    return {name: limit or UNLIMITED for name, limit in limits.items()} | {"track_remaining": True}


def _http(pool: ConnectionPool) -> Resource:
    common: Resource = {"idle_timeout": duration(pool.idle_timeout_ms or DEFAULT_IDLE_TIMEOUT_MS)}
    if pool.max_requests_per_connection:
        common["max_requests_per_connection"] = pool.max_requests_per_connection
    return typed(
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        common_http_protocol_options=common,
        explicit_http_config={"http_protocol_options": {}},
    )


def _balancing(policy: TrafficPolicy, rule: str) -> Resource:
    if policy.consistent_hash is not None:
        size = policy.consistent_hash.minimum_ring_size or RING_SIZE
        return {"lb_policy": "RING_HASH", "ring_hash_lb_config": {"minimum_ring_size": size}}
    if policy.load_balancer is LoadBalancer.PASSTHROUGH:
        raise ManifestError(
            f"{rule}: trafficPolicy.loadBalancer.simple is PASSTHROUGH, which needs pods with addresses of "
            "their own; supported are LEAST_REQUEST, ROUND_ROBIN and RANDOM."
        )
    return {"lb_policy": (policy.load_balancer or LoadBalancer.LEAST_REQUEST).value}


def _outliers(outliers: OutlierDetection, gateway_errors: int | None) -> Resource:
    """Only the configured conditions eject: Envoy's own success-rate outliers are off, as in Istio."""
    resource: Resource = {
        "consecutive_5xx": outliers.consecutive_5xx,
        "enforcing_consecutive_5xx": 100 if outliers.consecutive_5xx else 0,
        "enforcing_success_rate": 0,
        "interval": duration(outliers.interval_ms),
        "base_ejection_time": duration(outliers.base_ejection_ms),
        "max_ejection_percent": outliers.max_ejection_percent,
    }
    if gateway_errors:
        resource["consecutive_gateway_failure"] = gateway_errors
        resource["enforcing_consecutive_gateway_failure"] = 100
    return resource
