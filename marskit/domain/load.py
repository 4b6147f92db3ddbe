"""The load as reported by its generator."""

from dataclasses import dataclass
from enum import StrEnum


class LoadStatus(StrEnum):
    """The load generator's status."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class LoadSample:
    """One reading of the load generator."""

    at_s: float
    """Seconds on the run's clock."""
    status: LoadStatus
    users: int
    factor: float
    """Factor on the scenario's own rate; a flash crowd is a factor above 1."""
    scenario_s: float
    """Position in the scenario's curve, in scenario seconds."""
    offered_requests_per_s: float
    """Offered rate: the curve's rate now, factor included."""
    sent_requests_per_s: float
    failures_per_s: float
    reason: str | None = None
    """Why the generator failed, in one sentence; None if it did not."""
