"""The load as its generator reports it."""

from dataclasses import dataclass
from enum import StrEnum


class LoadStatus(StrEnum):
    """What the load generator is doing."""

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
    """How many times the scenario's own rate is asked for; a flash crowd is a factor above 1."""
    scenario_s: float
    """How far the scenario's curve has come, in scenario seconds."""
    offered_requests_per_s: float
    """The rate that the curve asks for now, factor included."""
    sent_requests_per_s: float
    failures_per_s: float
    reason: str | None = None
    """Why the generator failed, in one sentence; None when it did not."""
