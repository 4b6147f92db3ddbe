"""A branch beside the run that it left: what happened, and what would have happened in the twin."""

from dataclasses import dataclass

from marskit.errors import UserError

AS_RECORDED = "as-recorded"
"""The planner of a control: every recorded action at its recorded time, and nothing else."""


class ReplayError(UserError):
    """A recording that cannot be replayed, or not be branched there, with one sentence saying why."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One cycle of a side."""

    at_s: float
    """Seconds on the recorded run's clock, for every side."""
    p95_ms: float | None
    """Of the entry service; None where nothing succeeded."""
    replicas_ready: int
    """Of all workloads together."""
    violated: bool


@dataclass(frozen=True, slots=True)
class Headline:
    """The headline figures from the branch point on, as `marskit.knowledge.record.Figures` has them.

    Minutes are the scenario's. What is done in the last cycle does not count: nothing comes of it any more.
    """

    violation_minutes: float
    replica_minutes: float
    failed_requests: int
    actions: int


@dataclass(frozen=True, slots=True)
class Side:
    """One course of things from the branch point on."""

    run: str
    mesh: str
    """envoy, twin or cluster."""
    planner: str
    moments: tuple[Moment, ...]
    actions_s: tuple[float, ...]
    """When something was done to the mesh."""
    headline: Headline


@dataclass(frozen=True, slots=True)
class Branched:
    """The recorded side, the same once more in the twin, and the twin with another planner."""

    cycle: int
    """The first cycle that the other planner decided."""
    at_s: float
    """When that was, and so where all sides begin."""
    end_s: float
    """When the shortest side ends, and so what all figures go up to."""
    service: str
    """The one that users meet first."""
    slo_ms: float | None
    recorded: Side
    control: Side
    """The recorded actions in the twin: how it differs from `recorded` is how wrong the twin is here."""
    branch: Side
    notes: tuple[str, ...] = ()
    """What keeps the comparison from being exact, one sentence each."""
