"""Istio's TrafficPolicy: how requests are spread over the replicas of a destination; times in ms."""

from dataclasses import dataclass
from enum import StrEnum

from marskit.domain.config import OutlierDetection


class LoadBalancer(StrEnum):
    """Istio's simple load-balancing algorithms."""

    ROUND_ROBIN = "ROUND_ROBIN"
    LEAST_REQUEST = "LEAST_REQUEST"
    RANDOM = "RANDOM"


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
    maglev_table_size: int | None = None
    """None: a ring hash."""


@dataclass(frozen=True, slots=True)
class Warmup:
    """How a new replica's share grows: `warmup`, or the older `warmupDurationSecs`."""

    duration_ms: int
    minimum_percent: float | None = None
    aggression: float | None = None


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
    max_connection_ms: int | None = None


@dataclass(frozen=True, slots=True)
class OutlierChoice:
    """The parts of Istio's OutlierDetection that no action changes."""

    gateway_errors: int | None = None
    """Number of successive 502, 503, 504 that eject a replica; None if missing or 0."""
    local_failures: int | None = None
    """Number of successive failures to connect that eject a replica, if they are counted apart."""
    split_local_failures: bool = False
    min_health_percent: int = 0
    """Below this share of healthy replicas, requests go to ejected ones too."""


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """How many retries may be under way at once, in relation to the requests."""

    percent: float | None = None
    min_concurrency: int | None = None


@dataclass(frozen=True, slots=True)
class TrafficPolicy:
    """Istio's TrafficPolicy."""

    load_balancer: LoadBalancer | None = None
    consistent_hash: ConsistentHash | None = None
    connection_pool: ConnectionPool | None = None
    warmup: Warmup | None = None
    outlier_detection: OutlierDetection | None = None
    outlier_choice: OutlierChoice = OutlierChoice()
    retry_budget: RetryBudget | None = None
    ports: tuple[tuple[int, "TrafficPolicy"], ...] = ()
    """`portLevelSettings`: for a port listed here, they replace all of the above but the retry budget."""
