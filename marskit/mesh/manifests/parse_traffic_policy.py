"""TrafficPolicies: balancing, limits and ejection, for a host, a subset or a port."""

from dataclasses import replace
from math import isqrt

from marskit.domain.config import OutlierDetection
from marskit.mesh.manifests.fields import UINT32, Field, FieldError, Fields
from marskit.mesh.manifests.headers import header_name
from marskit.mesh.manifests.traffic_policy import (
    ConnectionPool,
    ConsistentHash,
    LoadBalancer,
    OutlierChoice,
    RetryBudget,
    TrafficPolicy,
    Warmup,
)

_HASH_KEYS = ("httpCookie", "httpHeaderName", "httpQueryParameterName", "useSourceIp")
# PASSTHROUGH needs pods with addresses of their own.
_SIMPLE = {
    "UNSPECIFIED": None,
    # The name before Istio 1.15.
    "LEAST_CONN": LoadBalancer.LEAST_REQUEST,
    **{balancer.value: balancer for balancer in LoadBalancer},
}


_PARTS = ("connectionPool", "loadBalancer", "outlierDetection", "tls")
_LARGEST_RING = 8 * 1024 * 1024
"""Envoy's."""
_LONGEST_CONNECT_MS = 3_600_000
"""Istio's."""
_LARGEST_TABLE = 5_000_011
"""Envoy's largest Maglev table, and a prime."""


def traffic_policy(field: Field) -> TrafficPolicy:
    """A TrafficPolicy with its settings for single ports."""
    policy = field.fields((*_PARTS, "portLevelSettings", "retryBudget"), ("proxyProtocol", "tunnel"))
    if not policy.children and field.value == {}:
        raise FieldError(field.path, "is empty, but must have at least one field")
    ports = policy.take("portLevelSettings", lambda f: f.each(_of_port), ())
    budget = policy.take("retryBudget", _retry_budget)
    return replace(_common(policy), ports=ports, retry_budget=budget)


def _of_port(field: Field) -> tuple[int, TrafficPolicy]:
    entry = field.fields((*_PARTS, "port"))
    if not {*_PARTS} & entry.children.keys():
        raise FieldError(field.path, f"has no settings, but must have one of {', '.join(_PARTS)}")
    number = entry.want("port", lambda f: f.fields(("number",)).need("number", Field.port), 0)
    return number, _common(entry)


def _common(policy: Fields) -> TrafficPolicy:
    policy.take("tls", _tls)
    simple, consistent_hash, warmup = policy.take("loadBalancer", _load_balancer, (None, None, None))
    outlier, choice = policy.take("outlierDetection", _outlier_detection, (None, OutlierChoice()))
    return TrafficPolicy(
        load_balancer=simple,
        consistent_hash=consistent_hash,
        connection_pool=policy.take("connectionPool", _connection_pool),
        warmup=warmup,
        outlier_detection=outlier,
        outlier_choice=choice,
    )


def _retry_budget(field: Field) -> RetryBudget:
    entry = field.fields(("minRetryConcurrency", "percent"))
    return RetryBudget(
        percent=entry.take("percent", lambda f: f.number(0, 100)),
        min_concurrency=entry.take("minRetryConcurrency", Field.integer),
    )


def _tls(field: Field) -> None:
    """Mutual TLS inside the mesh has no equivalent on one machine; TLS to the outside is refused."""
    field.fields(
        ("mode",), ("caCertificates", "clientCertificate", "credentialName", "privateKey", "sni")
    ).need("mode", lambda f: f.choice("DISABLE", "ISTIO_MUTUAL"))


def _load_balancer(field: Field) -> tuple[LoadBalancer | None, ConsistentHash | None, Warmup | None]:
    balancer = field.fields(("consistentHash", "localityLbSetting", "simple", "warmup", "warmupDurationSecs"))
    balancer.one_of("simple", "consistentHash")
    balancer.one_of("warmup", "warmupDurationSecs")
    balancer.take("localityLbSetting", Field.entries)
    simple = balancer.take("simple", lambda f: f.choice(*_SIMPLE), "UNSPECIFIED")
    old = balancer.take("warmupDurationSecs", Field.duration_ms)
    warmup = balancer.take("warmup", _warmup, Warmup(old) if old else None)
    return _SIMPLE[simple], balancer.take("consistentHash", _consistent_hash), warmup


def _warmup(field: Field) -> Warmup:
    entry = field.fields(("aggression", "duration", "minimumPercent"))
    return Warmup(
        duration_ms=entry.want("duration", Field.duration_ms, 1),
        minimum_percent=entry.take("minimumPercent", lambda f: f.number(0, 100)),
        aggression=entry.take("aggression", lambda f: f.number(1, 1000)),
    )


def _consistent_hash(field: Field) -> ConsistentHash:
    entry = field.fields((*_HASH_KEYS, "maglev", "minimumRingSize", "ringHash"))
    if entry.one_of(*_HASH_KEYS) is None:
        raise FieldError(field.path, f"has no key to hash, but must have one of {', '.join(_HASH_KEYS)}")
    entry.one_of("minimumRingSize", "maglev", "ringHash")
    cookie = entry.take("httpCookie", lambda f: f.fields(("name", "path", "ttl"), ("attributes",)))
    ring = entry.take(
        "ringHash", lambda f: f.fields(("minimumRingSize",)).take("minimumRingSize", _ring_size)
    )
    return ConsistentHash(
        header=entry.take("httpHeaderName", header_name),
        cookie=cookie.need("name", Field.text) if cookie else None,
        cookie_ttl_ms=cookie.take("ttl", lambda f: f.duration_ms(0)) if cookie else None,
        cookie_path=cookie.take("path", Field.text) if cookie else None,
        use_source_ip=entry.take("useSourceIp", Field.flag, False),
        query_parameter=entry.take("httpQueryParameterName", Field.text),
        minimum_ring_size=ring or entry.take("minimumRingSize", _ring_size),
        maglev_table_size=entry.take(
            "maglev", lambda f: f.fields(("tableSize",)).need("tableSize", _table_size)
        ),
    )


def _table_size(field: Field) -> int:
    size = field.integer(2, _LARGEST_TABLE - 1)
    if any(size % factor == 0 for factor in range(2, isqrt(size) + 1)):
        raise field.error("a prime number")
    return size


def _connection_pool(field: Field) -> ConnectionPool:
    pool = field.fields(("http", "tcp"))
    if not pool.children:
        raise FieldError(field.path, "is empty, but must have http or tcp")
    tcp = pool.take("tcp", _tcp, ConnectionPool())
    http = pool.take("http", _http, ConnectionPool())
    # Istio takes the idle time of TCP where HTTP has none.
    return replace(
        http,
        max_connections=tcp.max_connections,
        connect_timeout_ms=tcp.connect_timeout_ms,
        max_connection_ms=tcp.max_connection_ms,
        idle_timeout_ms=http.idle_timeout_ms or tcp.idle_timeout_ms,
    )


def _tcp(field: Field) -> ConnectionPool:
    entry = field.fields(
        ("connectTimeout", "idleTimeout", "maxConnectionDuration", "maxConnections", "tcpKeepalive")
    )
    entry.take("tcpKeepalive", _keepalive)
    return ConnectionPool(
        max_connections=entry.take("maxConnections", _limit),
        connect_timeout_ms=entry.take("connectTimeout", lambda f: f.duration_ms(1, _LONGEST_CONNECT_MS)),
        max_connection_ms=entry.take("maxConnectionDuration", Field.duration_ms),
        idle_timeout_ms=entry.take("idleTimeout", Field.duration_ms),
    )


def _keepalive(field: Field) -> None:
    """Checks probes of idle connections; on one machine no peer is lost without a word."""
    entry = field.fields(("interval", "probes", "time"))
    entry.take("interval", Field.duration_ms)
    entry.take("time", Field.duration_ms)
    entry.take("probes", _count)


def _http(field: Field) -> ConnectionPool:
    entry = field.fields(
        (
            "h2UpgradePolicy",
            "http1MaxPendingRequests",
            "http2MaxRequests",
            "idleTimeout",
            "maxConcurrentStreams",
            "maxRequestsPerConnection",
            "maxRetries",
            "useClientProtocol",
        )
    )
    # The processes speak HTTP/1.1, as do their callers here.
    entry.take("h2UpgradePolicy", lambda f: f.choice("DEFAULT", "DO_NOT_UPGRADE"))
    entry.take("maxConcurrentStreams", Field.integer)
    entry.take("useClientProtocol", Field.flag)
    return ConnectionPool(
        max_pending_requests=entry.take("http1MaxPendingRequests", _limit),
        max_requests=entry.take("http2MaxRequests", _limit),
        max_requests_per_connection=entry.take("maxRequestsPerConnection", _limit),
        max_retries=entry.take("maxRetries", _limit),
        idle_timeout_ms=entry.take("idleTimeout", Field.duration_ms),
    )


def _count(field: Field) -> int:
    return field.integer(0, UINT32)


def _ring_size(field: Field) -> int:
    return field.integer(0, _LARGEST_RING)


def _limit(field: Field) -> int | None:
    """A limit; 0 means no limit in Istio."""
    return field.integer() or None


def _outlier_detection(field: Field) -> tuple[OutlierDetection, OutlierChoice]:
    """The setting with Istio's defaults filled in; even an empty block enables it."""
    entry = field.fields(
        (
            "baseEjectionTime",
            "consecutive5xxErrors",
            "consecutiveGatewayErrors",
            "consecutiveLocalOriginFailures",
            "interval",
            "maxEjectionPercent",
            "minHealthPercent",
            "splitExternalLocalOriginErrors",
        ),
        ("consecutiveErrors",),
    )
    outlier = OutlierDetection(
        consecutive_5xx=entry.take("consecutive5xxErrors", _count, 5),
        interval_ms=entry.take("interval", Field.duration_ms, 10_000),
        base_ejection_ms=entry.take("baseEjectionTime", Field.duration_ms, 30_000),
        max_ejection_percent=entry.take("maxEjectionPercent", lambda f: f.integer(0, 100), 10),
    )
    choice = OutlierChoice(
        gateway_errors=entry.take("consecutiveGatewayErrors", _count) or None,
        local_failures=entry.take("consecutiveLocalOriginFailures", _count) or None,
        split_local_failures=entry.take("splitExternalLocalOriginErrors", Field.flag, False),
        min_health_percent=entry.take("minHealthPercent", lambda f: f.integer(0, 100), 0),
    )
    if choice.local_failures and not choice.split_local_failures:
        problem = "has no effect without splitExternalLocalOriginErrors: true, so Istio refuses it"
        field.tell(FieldError(entry.children["consecutiveLocalOriginFailures"].path, problem))
    return outlier, choice
