"""Istio's networking.istio.io/v1 objects, as far as marskit supports them; times in ms."""

from dataclasses import dataclass
from enum import StrEnum

from marskit.domain.config import Retries
from marskit.mesh.manifests.traffic_policy import TrafficPolicy


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
    keep_port: bool = False
    """`derivePort: FROM_REQUEST_PORT`."""


LARGEST_BODY_BYTES = 1024 * 1024
"""Istio's limit of direct responses."""


@dataclass(frozen=True, slots=True)
class DirectResponse:
    """Istio's HTTPDirectResponse."""

    status: int
    body: str | None = None


@dataclass(frozen=True, slots=True)
class FaultInjection:
    """Istio's HTTPFaultInjection: a fixed delay and an abort, each for a share of requests."""

    delay_ms: int | None = None
    delay_percent: float = 100.0
    abort_status: int | None = None
    abort_percent: float = 100.0
    abort_grpc_status: int | None = None
    """Code of `grpcStatus`, which excludes `abort_status`."""

    @property
    def delays(self) -> bool:
        """Whether some request is delayed."""
        return self.delay_ms is not None and self.delay_percent > 0

    @property
    def aborts(self) -> bool:
        """Whether some request is aborted."""
        return (self.abort_status, self.abort_grpc_status) != (None, None) and self.abort_percent > 0


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
    forward_unmatched: bool = True
    """Whether a preflight request from an origin that is not allowed reaches the workload."""


@dataclass(frozen=True, slots=True)
class RetryChoice:
    """The parts of Istio's HTTPRetry that no action changes."""

    backoff_ms: int | None = None
    ignore_previous_hosts: bool | None = None
    """Whether a retry avoids the replicas that failed; None for Istio's default."""


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
    """None: not written down, so Istio's default (2 attempts on connection failures) applies."""
    retry_choice: RetryChoice = RetryChoice()
    fault: FaultInjection | None = None
    mirrors: tuple[Mirror, ...] = ()
    headers: Headers = Headers()
    cors: CorsPolicy | None = None


MESH_GATEWAY = "mesh"
"""The reserved gateway name that stands for all sidecars."""

EVERYWHERE = ("*",)
"""An `exportTo` of all namespaces, which is the default."""


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
    export_to: tuple[str, ...] = EVERYWHERE
    """Namespaces whose callers follow it, or `*`."""


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
    """Fully qualified, or with a wildcard."""
    traffic_policy: TrafficPolicy | None = None
    subsets: tuple[Subset, ...] = ()
    export_to: tuple[str, ...] = EVERYWHERE


@dataclass(frozen=True, slots=True)
class GatewayServer:
    """One port of a Gateway."""

    port: int
    protocol: str
    hosts: tuple[str, ...]
    """`shop/example.com` takes the VirtualServices of one namespace only."""
    https_redirect: bool = False
    """Whether every request is sent to https."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """Istio's Gateway."""

    name: str
    namespace: str
    servers: tuple[GatewayServer, ...]
    selector: tuple[tuple[str, str], ...] = ()
    """Labels of the pods behind it; empty for the pods of every Gateway."""
