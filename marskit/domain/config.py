"""The part of the mesh's configuration that actions change, as in the manifests."""

from dataclasses import dataclass
from http import HTTPStatus


@dataclass(frozen=True, slots=True)
class Retries:
    """An HTTP route's retry policy; `attempts` of 0 means no retry."""

    attempts: int
    per_try_timeout_ms: int | None = None
    retry_on: str = "connect-failure,refused-stream"


RETRY_CONDITIONS = (
    "5xx",
    "cancelled",
    "connect-failure",
    "deadline-exceeded",
    "envoy-ratelimited",
    "gateway-error",
    "http3-post-connect-failure",
    "internal",
    "refused-stream",
    "reset",
    "reset-before-request",
    "resource-exhausted",
    "retriable-4xx",
    "retriable-headers",
    "retriable-status-codes",
    "unavailable",
)
"""What a retry policy may name beside status codes; Istio's."""
STATUS_CODES = frozenset(str(status.value) for status in HTTPStatus)
"""The registered status codes, which a retry policy may name too."""
DEFAULT_RETRY_ON = "connect-failure,refused-stream,unavailable,cancelled"
"""Istio's default for a VirtualService that sets none."""
DEFAULT_RETRIES = Retries(attempts=2, retry_on=DEFAULT_RETRY_ON)
HOST_SELECTION_ATTEMPTS = 5
"""How often a retry that picked a replica already tried picks again; Istio's default."""


@dataclass(frozen=True, slots=True)
class OutlierDetection:
    """When a replica is ejected from load balancing, and for how long."""

    consecutive_5xx: int
    interval_ms: int
    base_ejection_ms: int
    max_ejection_percent: int


@dataclass(frozen=True, slots=True)
class Destination:
    """One destination of an HTTP route and its share of the traffic."""

    service: str
    subset: str | None
    workload: str | None
    """The Deployment that the subset selects; None if it selects several or none."""
    weight_percent: int


@dataclass(frozen=True, slots=True)
class RouteSetting:
    """One entry of a VirtualService's `http` list, addressed by its position."""

    virtual_service: str
    index: int
    name: str | None
    destinations: tuple[Destination, ...]
    timeout_ms: int | None
    retries: Retries | None

    @property
    def label(self) -> str:
        """The route's name for people: `recommendations[0]`."""
        return f"{self.virtual_service}[{self.index}]"


@dataclass(frozen=True, slots=True)
class OutlierSetting:
    """The outlier detection that one DestinationRule sets for its host."""

    destination_rule: str
    service: str
    outlier_detection: OutlierDetection | None


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that actions can change, and nothing else."""

    replicas: tuple[tuple[str, int], ...]
    """`(workload, spec.replicas)`."""
    routes: tuple[RouteSetting, ...]
    outliers: tuple[OutlierSetting, ...]

    def replicas_of(self, workload: str) -> int:
        """The workload's `spec.replicas`; raises `KeyError` for an unknown workload."""
        return dict(self.replicas)[workload]

    def route(self, virtual_service: str, index: int) -> RouteSetting:
        """The route at that position; raises `KeyError` if there is none."""
        for route in self.routes:
            if route.virtual_service == virtual_service and route.index == index:
                return route
        raise KeyError(f"{virtual_service}[{index}]")

    def routes_to(self, service: str) -> tuple[RouteSetting, ...]:
        """The routes that send traffic to `service`."""
        return tuple(r for r in self.routes if any(d.service == service for d in r.destinations))
