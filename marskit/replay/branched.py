"""A branch beside its run: what happened, and what would have happened in the twin."""

from dataclasses import dataclass

from marskit.errors import UserError

AS_RECORDED = "as-recorded"
"""The planner of a control: every recorded action at its recorded time, and nothing else."""


class ReplayError(UserError):
    """A recording that cannot be replayed or branched; one sentence says why."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One cycle of a side."""

    at_s: float
    """Seconds on the recorded run's clock, for every side."""
    p95_ms: float | None
    """p95 of the entry service; None if nothing succeeded."""
    replicas_ready: int | None
    """Total over all workloads."""
    violated: bool


@dataclass(frozen=True, slots=True)
class Headline:
    """The headline figures from the branch point on, like `marskit.knowledge.record.Figures`.

    Minutes are scenario minutes. The last cycle's actions do not count: they have no effect any more.
    """

    violation_minutes: float
    replica_minutes: float
    failed_requests: int
    actions: int


@dataclass(frozen=True, slots=True)
class Side:
    """One course of events from the branch point on."""

    run: str
    is_simulated: bool
    """Whether it took place in the twin."""
    planner: str
    moments: tuple[Moment, ...]
    actions_s: tuple[float, ...]
    """Times of the actions."""
    headline: Headline


@dataclass(frozen=True, slots=True)
class Branched:
    """The recorded side, its repetition in the twin, and the twin with another planner."""

    cycle: int
    """The first cycle that the other planner decided."""
    at_s: float
    """Start of that cycle, and so of all sides."""
    end_s: float
    """End of the shortest side, up to which all figures count."""
    service: str
    """The entry service."""
    slo_ms: float | None
    recorded: Side
    control: Side
    """The recorded actions in the twin: the difference from `recorded` is the twin's error here."""
    branch: Side
    notes: tuple[str, ...] = ()
    """Limits of the comparison, one sentence each."""
