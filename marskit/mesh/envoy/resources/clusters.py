"""Destinations as Envoy clusters, and their ready replicas as endpoint assignments."""

from collections.abc import Sequence
from pathlib import PurePath

from marskit.domain.config import OutlierDetection
from marskit.mesh.envoy.resources.model import ClusterKey, Endpoint, Resource, duration, file_source, typed
from marskit.mesh.envoy.resources.registry import Registry
from marskit.mesh.envoy.resources.telemetry_names import METADATA
from marskit.mesh.manifests.traffic_policy import (
    ConnectionPool,
    LoadBalancer,
    OutlierChoice,
    RetryBudget,
    TrafficPolicy,
    Warmup,
)

UNLIMITED = 4_294_967_295
"""Istio lifts Envoy's limits; Envoy's own would cut a burst short (3 retries at a time, 1024 requests)."""

DEFAULT_CONNECT_TIMEOUT_MS = 250
"""Connect timeout in ms: on one machine, a slower connection will not come."""

DEFAULT_IDLE_TIMEOUT_MS = 1_500
"""Shorter than servers keep connections (gunicorn 2 s, Node.js 5 s): the end that sends lets go first."""

RING_SIZE = 1024
"""Istio's default for consistent hashing."""

DEFAULT_BUDGET_PERCENT = 20.0
DEFAULT_BUDGET_RETRIES = 3

_WITH_SLOW_START = {
    LoadBalancer.LEAST_REQUEST: "least_request_lb_config",
    LoadBalancer.ROUND_ROBIN: "round_robin_lb_config",
}


def cluster(key: ClusterKey, registry: Registry, directory: PurePath) -> Resource:
    """The cluster of one destination, with the traffic policy of its DestinationRule."""
    policy = registry.policy(key)
    pool = policy.connection_pool or ConnectionPool()
    resource = typed(
        "envoy.config.cluster.v3.Cluster",
        name=key.name,
        type="EDS",
        eds_cluster_config={"eds_config": file_source(str(directory / key.file))},
        connect_timeout=duration(pool.connect_timeout_ms or DEFAULT_CONNECT_TIMEOUT_MS),
        circuit_breakers={"thresholds": [_thresholds(pool, policy.retry_budget)]},
        # Envoy's own default sends to ejected replicas as soon as half of them are.
        common_lb_config={"healthy_panic_threshold": {"value": policy.outlier_choice.min_health_percent}},
        typed_extension_protocol_options={
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": _http(pool)
        },
        **_balancing(policy),
    )
    if policy.outlier_detection is not None:
        resource["outlier_detection"] = _outliers(policy.outlier_detection, policy.outlier_choice)
    return resource


def assignment(key: ClusterKey, registry: Registry, endpoints: Sequence[Endpoint]) -> Resource:
    """The ready replicas of one destination, each labelled with its workload."""
    workloads = registry.workloads(key, key.name)
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


def _thresholds(pool: ConnectionPool, budget: RetryBudget | None) -> Resource:
    limits = {
        "max_connections": pool.max_connections,
        "max_pending_requests": pool.max_pending_requests,
        "max_requests": pool.max_requests,
        "max_retries": pool.max_retries,
    }
    thresholds: Resource = {name: limit or UNLIMITED for name, limit in limits.items()}
    if budget is not None:
        # It replaces the limit of retries; what is not written is Istio's default.
        thresholds["retry_budget"] = {
            "budget_percent": {"value": DEFAULT_BUDGET_PERCENT if budget.percent is None else budget.percent},
            "min_retry_concurrency": DEFAULT_BUDGET_RETRIES
            if budget.min_concurrency is None
            else budget.min_concurrency,
        }
    return thresholds | {"track_remaining": True}


def _http(pool: ConnectionPool) -> Resource:
    common: Resource = {"idle_timeout": duration(pool.idle_timeout_ms or DEFAULT_IDLE_TIMEOUT_MS)}
    if pool.max_requests_per_connection:
        common["max_requests_per_connection"] = pool.max_requests_per_connection
    if pool.max_connection_ms:
        common["max_connection_duration"] = duration(pool.max_connection_ms)
    return typed(
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        common_http_protocol_options=common,
        explicit_http_config={"http_protocol_options": {}},
    )


def _balancing(policy: TrafficPolicy) -> Resource:
    hashing = policy.consistent_hash
    if hashing is not None and hashing.maglev_table_size is not None:
        return {"lb_policy": "MAGLEV", "maglev_lb_config": {"table_size": hashing.maglev_table_size}}
    if hashing is not None:
        size = hashing.minimum_ring_size or RING_SIZE
        return {"lb_policy": "RING_HASH", "ring_hash_lb_config": {"minimum_ring_size": size}}
    balancer = policy.load_balancer or LoadBalancer.LEAST_REQUEST
    settings = _WITH_SLOW_START.get(balancer)
    if policy.warmup is None or settings is None:
        return {"lb_policy": balancer.value}
    return {"lb_policy": balancer.value, settings: {"slow_start_config": _slow_start(policy.warmup)}}


def _slow_start(warmup: Warmup) -> Resource:
    resource: Resource = {"slow_start_window": duration(warmup.duration_ms)}
    if warmup.minimum_percent is not None:
        resource["min_weight_percent"] = {"value": warmup.minimum_percent}
    if warmup.aggression is not None:
        # Envoy requires a runtime key; nothing changes the value through it.
        key = "marskit.slow_start_aggression"
        resource["aggression"] = {"default_value": warmup.aggression, "runtime_key": key}
    return resource


def _outliers(outliers: OutlierDetection, choice: OutlierChoice) -> Resource:
    """Only the configured conditions eject: Envoy's own success-rate outliers are off, as in Istio."""
    resource: Resource = {
        "consecutive_5xx": outliers.consecutive_5xx,
        "enforcing_consecutive_5xx": 100 if outliers.consecutive_5xx else 0,
        "enforcing_success_rate": 0,
        "interval": duration(outliers.interval_ms),
        "base_ejection_time": duration(outliers.base_ejection_ms),
        "max_ejection_percent": outliers.max_ejection_percent,
    }
    if choice.gateway_errors:
        resource["consecutive_gateway_failure"] = choice.gateway_errors
        resource["enforcing_consecutive_gateway_failure"] = 100
    if choice.split_local_failures:
        resource["split_external_local_origin_errors"] = True
        resource["enforcing_local_origin_success_rate"] = 0
        if choice.local_failures:
            resource["consecutive_local_origin_failure"] = choice.local_failures
            resource["enforcing_consecutive_local_origin_failure"] = 100
    return resource
