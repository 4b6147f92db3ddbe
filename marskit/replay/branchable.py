"""Which cycles of a recording can be branched from: those followed by others to compare with."""

from collections.abc import Sequence

from marskit.domain.loop_events import CycleCompleted
from marskit.replay.branched import ReplayError
from marskit.replay.timeline import Timeline


def last_began_s(timeline: Timeline) -> float | None:
    """Start of the last completed cycle, in seconds on the run's clock; None without any."""
    done = (e.cycle.started_at_s for e in reversed(timeline.events) if isinstance(e, CycleCompleted))
    return next(done, None)


def check_branchable(timeline: Timeline, cycle: int) -> None:
    """Return if that cycle can be branched from.

    Raises:
        ReplayError: The cycle does not exist, or none was completed after it; the sentence names the
            cycles that can be branched from.
    """
    started, last_s = timeline.started, last_began_s(timeline)
    if started is None or last_s is None:
        raise ReplayError("This recording has no cycle to branch from.")
    if cycle not in timeline.cycles:
        first, last = timeline.cycles[0], timeline.cycles[-1]
        raise ReplayError(f"Run {started.run} has no cycle {cycle}, only {first} to {last}.")
    # A branch has whole cycles: one closer to the end than a period has none to compare with.
    until_s = last_s - started.period_s / 2
    begun = ((n, timeline.begin_of(n)) for n in timeline.cycles)
    able = [n for n, step in begun if step is not None and timeline.times_s[step] <= until_s]
    if cycle not in able:
        raise ReplayError(
            f"Run {started.run} has nothing after cycle {cycle} to compare with; "
            f"{_which(able)} can be branched from."
        )


def _which(cycles: Sequence[int]) -> str:
    if len(cycles) > 1:
        return f"cycles {cycles[0]} to {cycles[-1]}"
    return f"only cycle {cycles[0]}" if cycles else "no cycle of it"
