"""Reads a recorded run as a timeline, for every front end that replays or branches it."""

from collections.abc import Callable
from pathlib import Path

from marskit.knowledge.port import KnowledgeError
from marskit.knowledge.read.recording import load_recording
from marskit.replay.branched import ReplayError
from marskit.replay.timeline import Timeline

Tell = Callable[[str, int, int], None]
"""Receives what is being done, and how many of how many are done."""


def read_timeline(
    root: Path | str, run: str, cycle: int | None = None, tell: Tell = lambda doing, done, of: None
) -> Timeline:
    """Load a recording as a timeline.

    Args:
        root: The folder of runs, or their URL.
        run: The run's id.
        cycle: A cycle that it must have.
        tell: Receives progress.

    Raises:
        ReplayError: The run cannot be replayed, or does not have the cycle.
    """
    tell("reading the recording", 0, 0)
    try:
        recording = load_recording(root, run)
    except KnowledgeError as error:
        raise ReplayError(str(error)) from error
    notes = recording.unreadable
    if not recording.events:
        notes = notes or ("it has no events.",)
    elif not (recording.complete or notes):
        notes = (f"Some events of run {run} are missing: a part of its log is gone.",)
    timeline = Timeline(recording.events, lambda done, of: tell("folding its events", done, of), notes)
    if timeline.started is None:
        raise ReplayError(f"Run {run} cannot be replayed: {notes[0]}")
    if cycle is not None and timeline.begin_of(cycle) is None:
        there = f"it has {timeline.cycles[0]} to {timeline.cycles[-1]}" if timeline.cycles else "it has none"
        raise ReplayError(f"There is no cycle {cycle} in run {run}; {there}.")
    return timeline
