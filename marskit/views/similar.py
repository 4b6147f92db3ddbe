"""A similar situation of an earlier run in one sentence, for screens and reports."""

from marskit import text
from marskit.domain.similar import Similar


def similar_sentence(similar: Similar) -> str:
    """Its distance, its place, the actions taken then, and the outcome."""
    done = "; ".join(similar.done) or "no action"
    return (
        f"distance {similar.distance:.2f} (robust sigma), run {similar.run} cycle {similar.cycle}: {done}; "
        f"{_ending(similar)}."
    )


def _ending(similar: Similar) -> str:
    if not similar.cycles_after:
        return "the run ended with that cycle"
    after = "next cycle" if similar.cycles_after == 1 else f"next {similar.cycles_after} cycles"
    minutes = similar.violation_minutes_after
    violation = f"{minutes:.2f} violation minutes" if minutes else "no violation"
    ending = f"{violation} in the {after}"
    if similar.utility_per_s is None or similar.utility_after_per_s is None:
        return ending
    then, later = text.signed(similar.utility_per_s), text.signed(similar.utility_after_per_s)
    return f"{ending}, utility {then} → {later} per second"
