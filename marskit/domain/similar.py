"""A similar situation of an earlier run, the actions taken in it, and the outcome."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Similar:
    """One past situation, the actions taken and the outcome."""

    run: str
    cycle: int
    distance: float
    """Root mean square of the differences, each in spreads of its number over all that was recorded."""
    done: tuple[str, ...]
    """The actions that were applied in that cycle."""
    utility_per_s: float | None
    """Utility in that situation."""
    utility_after_per_s: float | None
    """Mean over the following cycles; None if there are none."""
    violation_minutes_after: float
    """Scenario minutes of the following cycles in which an SLO was violated."""
    cycles_after: int
    """Number of cycles that the `after` values rest on: fewer if the run ended."""
