"""A past situation in one sentence, the same on the screen and in a report."""

from marskit import text
from marskit.domain.similar import Similar


def similar_sentence(similar: Similar) -> str:
    """How alike it is, where it was, what was done then and how it ended."""
    done = "; ".join(similar.done) or "nothing was done"
    return (
        f"{similar.distance:.2f} spreads away, cycle {similar.cycle} of run {similar.run}: {done}; "
        f"{_ending(similar)}."
    )


def _ending(similar: Similar) -> str:
    if not similar.cycles_after:
        return "the run ended there"
    after = "cycle after" if similar.cycles_after == 1 else f"{similar.cycles_after} cycles after"
    minutes = similar.violation_minutes_after
    violation = f"{minutes:.2f} min of violation" if minutes else "no violation"
    ending = f"{violation} in the {after}"
    if similar.utility_per_s is None or similar.utility_after_per_s is None:
        return ending
    then, later = text.signed(similar.utility_per_s), text.signed(similar.utility_after_per_s)
    return f"{ending}, utility {then} → {later} a second"
