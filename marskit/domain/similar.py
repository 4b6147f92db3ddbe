"""A situation of an earlier run that is like another one, what was done in it and how it ended."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Similar:
    """One past situation, what was done in it and how it went on."""

    run: str
    cycle: int
    distance: float
    """Root mean square of the differences, each in spreads of its number over all that was recorded."""
    done: tuple[str, ...]
    """The actions that were applied in that cycle."""
    utility_per_s: float | None
    """Then."""
    utility_after_per_s: float | None
    """Its mean over the cycles after; None where there is none."""
    violation_minutes_after: float
    """Scenario minutes of the cycles after in which an objective was missed."""
    cycles_after: int
    """How many cycles `after` rests on: fewer where the run ended."""
