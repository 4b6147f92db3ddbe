"""The goals of the mesh: service level objectives, and utility as named terms."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Slo:
    """A service level objective for the requests one service answers."""

    service: str
    latency_ms: float
    """Upper limit for the latency of the `quantile` of successful requests."""
    quantile: float = 0.95
    availability_percent: float = 99.0
    """Share of requests that must succeed, in percent."""


@dataclass(frozen=True, slots=True)
class Goals:
    """All SLOs, and the cost of a replica and of a change, in the value of one served request."""

    slos: tuple[Slo, ...]
    replica_cost_per_s: float = 2.0
    """Cost of one replica for one second, in served requests."""
    action_cost: float = 5.0

    def slo(self, service: str) -> Slo | None:
        """The SLO of that service, or None."""
        return next((slo for slo in self.slos if slo.service == service), None)


@dataclass(frozen=True, slots=True)
class Utility:
    """Utility of one cycle, per second, term by term so that the total can be explained."""

    served_within_slo: float
    violated: float
    failed: float
    replica_cost: float
    action_churn: float

    @property
    def total(self) -> float:
        """Gains less losses and costs."""
        return self.served_within_slo - self.violated - self.failed - self.replica_cost - self.action_churn
