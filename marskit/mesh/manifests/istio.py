"""Istio's networking.istio.io/v1 objects, as far as marskit supports them; times in ms."""

from dataclasses import dataclass
from enum import StrEnum

from marskit.domain.config import OutlierDetection, Retries


class MatchKind(StrEnum):
    """How a string is compared."""

    EXACT = "exact"
    PREFIX = "prefix"
    REGEX = "regex"


@dataclass(frozen=True, slots=True)
class StringMatch:
    """Istio's StringMatch."""

    kind: MatchKind
    value: str


@dataclass(frozen=True, slots=True)
class HttpMatch:
    """Istio's HTTPMatchRequest: all of its conditions must hold; a rule's matches are alternatives."""

    uri: StringMatch | None = None
    ignore_uri_case: bool = False
    method: StringMatch | None = None
    authority: StringMatch | None = None
    scheme: StringMatch | None = None
    headers: tuple[tuple[str, StringMatch | None], ...] = ()
    """None as the match: the header must be present."""
    without_headers: tuple[tuple[str, StringMatch | None], ...] = ()
    query_params: tuple[tuple[str, StringMatch | None], ...] = ()
    port: int | None = None
    gateways: tuple[str, ...] = ()
    source_labels: tuple[tuple[str, str], ...] = ()
    source_namespace: str | None = None


@dataclass(frozen=True, slots=True)
class HeaderOperations:
    """Istio's Headers.HeaderOperations."""

    set: tuple[tuple[str, str], ...] = ()
    add: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Headers:
    """Header operations on requests and responses."""

    request: HeaderOperations = HeaderOperations()
    response: HeaderOperations = HeaderOperations()


@dataclass(frozen=True, slots=True)
class RouteDestination:
    """One weighted destination."""

    host: str
    """Fully qualified: `orders.marskit-demo.svc.cluster.local`."""
    subset: str | None = None
    port: int | None = None
    weight: int = 0
    """As written; relative to the route's other weights. A lone destination without one counts as 100."""
    headers: Headers = Headers()


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Istio's HTTPRewrite; `uri` replaces the matched prefix, or the whole path when the match is exact."""

    uri: str | None = None
    authority: str | None = None
    uri_regex: tuple[str, str] | None = None
    """`uriRegexRewrite` as (match, rewrite)."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """Istio's HTTPRedirect."""

    uri: str | None = None
    authority: str | None = None
    port: int | None = None
    scheme: str | None = None
    code: int = 301


@dataclass(frozen=True, slots=True)
class DirectResponse:
    """Istio's HTTPDirectResponse."""

    status: int
    body: str | None = None


@dataclass(frozen=True, slots=True)
class FaultInjection:
    """Istio's HTTPFaultInjection: a fixed delay and an HTTP abort, each for a share of requests."""

    delay_ms: int | None = None
    delay_percent: float = 100.0
    abort_status: int | None = None
    abort_percent: float = 100.0


@dataclass(frozen=True, slots=True)
class Mirror:
    """Istio's HTTPMirrorPolicy."""

    destination: RouteDestination
    percent: float = 100.0


@dataclass(frozen=True, slots=True)
class CorsPolicy:
    """Istio's CorsPolicy."""

    allow_origins: tuple[StringMatch, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age_ms: int | None = None
    allow_credentials: bool | None = None


@dataclass(frozen=True, slots=True)
class HttpRoute:
    """Istio's HTTPRoute: the first rule that matches decides."""

    name: str | None = None
    matches: tuple[HttpMatch, ...] = ()
    """Empty: every request."""
    destinations: tuple[RouteDestination, ...] = ()
    redirect: Redirect | None = None
    direct_response: DirectResponse | None = None
    rewrite: Rewrite | None = None
    timeout_ms: int | None = None
    retries: Retries | None = None
    """None: not written down, so Istio's default (2 attempts on connection failures and 503) applies."""
    fault: FaultInjection | None = None
    mirrors: tuple[Mirror, ...] = ()
    headers: Headers = Headers()
    cors: CorsPolicy | None = None


MESH_GATEWAY = "mesh"
"""The reserved gateway name that stands for all sidecars."""


@dataclass(frozen=True, slots=True)
class VirtualService:
    """Istio's VirtualService, HTTP only."""

    name: str
    namespace: str
    hosts: tuple[str, ...]
    """Fully qualified, or with a wildcard, or an external DNS name."""
    gateways: tuple[str, ...]
    """`namespace/name` of Gateways, or `mesh`; just `mesh` when none was written."""
    http: tuple[HttpRoute, ...]


class LoadBalancer(StrEnum):
    """Istio's simple load-balancing algorithms."""

    ROUND_ROBIN = "ROUND_ROBIN"
    LEAST_REQUEST = "LEAST_REQUEST"
    RANDOM = "RANDOM"
    PASSTHROUGH = "PASSTHROUGH"


@dataclass(frozen=True, slots=True)
class ConsistentHash:
    """Istio's ConsistentHashLB; exactly one of the first four is set."""

    header: str | None = None
    cookie: str | None = None
    cookie_ttl_ms: int | None = None
    cookie_path: str | None = None
    use_source_ip: bool = False
    query_parameter: str | None = None
    minimum_ring_size: int | None = None


@dataclass(frozen=True, slots=True)
class ConnectionPool:
    """Istio's ConnectionPoolSettings; None means no limit, as in Istio."""

    max_connections: int | None = None
    connect_timeout_ms: int | None = None
    max_pending_requests: int | None = None
    max_requests: int | None = None
    max_requests_per_connection: int | None = None
    max_retries: int | None = None
    idle_timeout_ms: int | None = None


@dataclass(frozen=True, slots=True)
class TrafficPolicy:
    """Istio's TrafficPolicy."""

    load_balancer: LoadBalancer | None = None
    consistent_hash: ConsistentHash | None = None
    connection_pool: ConnectionPool | None = None
    outlier_detection: OutlierDetection | None = None
    consecutive_gateway_errors: int | None = None
    """Number of successive 502, 503, 504 that eject a replica; None if missing or 0."""


@dataclass(frozen=True, slots=True)
class Subset:
    """A named part of a service's endpoints, selected by labels."""

    name: str
    labels: tuple[tuple[str, str], ...]
    traffic_policy: TrafficPolicy | None = None


@dataclass(frozen=True, slots=True)
class DestinationRule:
    """Istio's DestinationRule."""

    name: str
    namespace: str
    host: str
    """Fully qualified."""
    traffic_policy: TrafficPolicy | None = None
    subsets: tuple[Subset, ...] = ()


@dataclass(frozen=True, slots=True)
class GatewayServer:
    """One port of a Gateway."""

    port: int
    protocol: str
    hosts: tuple[str, ...]
    """Without their namespace part."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """Istio's Gateway."""

    name: str
    namespace: str
    servers: tuple[GatewayServer, ...]
