"""What the mesh is for: service level objectives, and utility as named terms."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Slo:
    """A service level objective for the requests one service answers."""

    service: str
    latency_ms: float
    """The latency that `quantile` of the successful requests must stay under."""
    quantile: float = 0.95
    availability_percent: float = 99.0
    """The share of requests that must not fail."""


@dataclass(frozen=True, slots=True)
class Goals:
    """All objectives, and what a replica and a change cost in the same currency as a served request."""

    slos: tuple[Slo, ...]
    replica_cost_per_s: float = 2.0
    """One replica kept for one second costs as much as this many requests bring in."""
    action_cost: float = 5.0

    def slo(self, service: str) -> Slo | None:
        """The objective of that service, or None."""
        return next((slo for slo in self.slos if slo.service == service), None)


@dataclass(frozen=True, slots=True)
class Utility:
    """Utility of one cycle, per second, term by term so that a total can always be questioned."""

    served_within_slo: float
    violated: float
    failed: float
    replica_cost: float
    action_churn: float

    @property
    def total(self) -> float:
        """What was gained less what was lost and paid."""
        return self.served_within_slo - self.violated - self.failed - self.replica_cost - self.action_churn
