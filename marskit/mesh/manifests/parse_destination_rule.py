"""DestinationRules: connections to a service, and its subsets."""

from marskit.domain.config import OutlierDetection
from marskit.mesh.manifests.fields import Field, FieldError
from marskit.mesh.manifests.istio import (
    DestinationRule,
    Subset,
)
from marskit.mesh.manifests.metadata import object_spec
from marskit.mesh.manifests.names import Scope
from marskit.mesh.manifests.parse_virtual_service import export_to
from marskit.mesh.manifests.traffic_policy import (
    ConnectionPool,
    ConsistentHash,
    LoadBalancer,
    OutlierChoice,
    TrafficPolicy,
)

_HASH_KEYS = ("httpCookie", "httpHeaderName", "httpQueryParameterName", "useSourceIp")
# PASSTHROUGH needs pods with addresses of their own.
_SIMPLE = {
    "UNSPECIFIED": None,
    # The name before Istio 1.15.
    "LEAST_CONN": LoadBalancer.LEAST_REQUEST,
    **{balancer.value: balancer for balancer in LoadBalancer},
}


def destination_rule(root: Field, name: str, scope: Scope) -> DestinationRule:
    """A DestinationRule."""
    spec = object_spec(root).fields(("exportTo", "host", "subsets", "trafficPolicy"), ("workloadSelector",))
    spec.take("exportTo", export_to)
    host = spec.want("host", _host, "")
    return DestinationRule(
        name=name,
        namespace=scope.namespace,
        host=scope.host(host),
        traffic_policy=spec.take("trafficPolicy", _traffic_policy),
        subsets=spec.take("subsets", _subsets, ()),
    )


def _host(field: Field) -> str:
    if "*" in field.text():
        raise field.error("the name of one service")
    return field.text()


def _subsets(field: Field) -> tuple[Subset, ...]:
    names: set[str] = set()
    return field.each(lambda item: _subset(item, names))


def _subset(field: Field, names: set[str]) -> Subset:
    entry = field.fields(("labels", "name", "trafficPolicy"))
    name = entry.want("name", Field.dns_name, "")
    if name and name in names:
        problem = f"is {name}, but an earlier subset has that name"
        field.tell(FieldError(entry.children["name"].path, problem))
    names.add(name)
    return Subset(name, entry.take("labels", Field.pairs, ()), entry.take("trafficPolicy", _traffic_policy))


def _traffic_policy(field: Field) -> TrafficPolicy:
    policy = field.fields(
        ("connectionPool", "loadBalancer", "outlierDetection", "tls"),
        ("portLevelSettings", "proxyProtocol", "retryBudget", "tunnel"),
    )
    policy.take("tls", _tls)
    simple, consistent_hash = policy.take("loadBalancer", _load_balancer, (None, None))
    outlier, gateway_errors = policy.take("outlierDetection", _outlier_detection, (None, None))
    return TrafficPolicy(
        load_balancer=simple,
        consistent_hash=consistent_hash,
        connection_pool=policy.take("connectionPool", _connection_pool),
        outlier_detection=outlier,
        outlier_choice=OutlierChoice(gateway_errors=gateway_errors),
    )


def _tls(field: Field) -> None:
    """Mutual TLS inside the mesh has no equivalent on one machine; TLS to the outside is refused."""
    field.fields(
        ("mode",), ("caCertificates", "clientCertificate", "credentialName", "privateKey", "sni")
    ).need("mode", lambda f: f.choice("DISABLE", "ISTIO_MUTUAL"))


def _load_balancer(field: Field) -> tuple[LoadBalancer | None, ConsistentHash | None]:
    balancer = field.fields(
        ("consistentHash", "simple"), ("localityLbSetting", "warmup", "warmupDurationSecs")
    )
    balancer.one_of("simple", "consistentHash")
    simple = balancer.take("simple", lambda f: f.choice(*_SIMPLE), "UNSPECIFIED")
    return _SIMPLE[simple], balancer.take("consistentHash", _consistent_hash)


def _consistent_hash(field: Field) -> ConsistentHash:
    entry = field.fields((*_HASH_KEYS, "minimumRingSize", "ringHash"), ("maglev",))
    if entry.one_of(*_HASH_KEYS) is None:
        raise FieldError(field.path, f"has no key to hash, but must have one of {', '.join(_HASH_KEYS)}")
    cookie = entry.take("httpCookie", lambda f: f.fields(("name", "path", "ttl"), ("attributes",)))
    ring = entry.take(
        "ringHash", lambda f: f.fields(("minimumRingSize",)).take("minimumRingSize", Field.integer)
    )
    return ConsistentHash(
        header=entry.take("httpHeaderName", Field.text),
        cookie=cookie.need("name", Field.text) if cookie else None,
        cookie_ttl_ms=cookie.take("ttl", lambda f: f.duration_ms(0)) if cookie else None,
        cookie_path=cookie.take("path", Field.text) if cookie else None,
        use_source_ip=entry.take("useSourceIp", Field.flag, False),
        query_parameter=entry.take("httpQueryParameterName", Field.text),
        minimum_ring_size=ring or entry.take("minimumRingSize", Field.integer),
    )


def _connection_pool(field: Field) -> ConnectionPool:
    pool = field.fields(("http", "tcp"))
    tcp = pool.take(
        "tcp",
        lambda f: f.fields(
            ("connectTimeout", "maxConnections"), ("idleTimeout", "maxConnectionDuration", "tcpKeepalive")
        ),
    )
    http = pool.take(
        "http",
        lambda f: f.fields(
            (
                "http1MaxPendingRequests",
                "http2MaxRequests",
                "idleTimeout",
                "maxRequestsPerConnection",
                "maxRetries",
            ),
            ("h2UpgradePolicy", "maxConcurrentStreams", "useClientProtocol"),
        ),
    )
    return ConnectionPool(
        max_connections=tcp.take("maxConnections", _limit) if tcp else None,
        connect_timeout_ms=tcp.take("connectTimeout", Field.duration_ms) if tcp else None,
        max_pending_requests=http.take("http1MaxPendingRequests", _limit) if http else None,
        max_requests=http.take("http2MaxRequests", _limit) if http else None,
        max_requests_per_connection=http.take("maxRequestsPerConnection", _limit) if http else None,
        max_retries=http.take("maxRetries", _limit) if http else None,
        idle_timeout_ms=http.take("idleTimeout", Field.duration_ms) if http else None,
    )


def _limit(field: Field) -> int | None:
    """A limit; 0 means no limit in Istio."""
    return field.integer() or None


def _outlier_detection(field: Field) -> tuple[OutlierDetection, int | None]:
    """The setting with Istio's defaults filled in; even an empty block enables it."""
    entry = field.fields(
        (
            "baseEjectionTime",
            "consecutive5xxErrors",
            "consecutiveGatewayErrors",
            "interval",
            "maxEjectionPercent",
        ),
        (
            "consecutiveErrors",
            "consecutiveLocalOriginFailures",
            "minHealthPercent",
            "splitExternalLocalOriginErrors",
        ),
    )
    outlier = OutlierDetection(
        consecutive_5xx=entry.take("consecutive5xxErrors", Field.integer, 5),
        interval_ms=entry.take("interval", Field.duration_ms, 10_000),
        base_ejection_ms=entry.take("baseEjectionTime", Field.duration_ms, 30_000),
        max_ejection_percent=entry.take("maxEjectionPercent", lambda f: f.integer(0, 100), 10),
    )
    return outlier, entry.take("consecutiveGatewayErrors", Field.integer) or None
