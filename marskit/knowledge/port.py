"""What the loop may ask of its memory, wherever it is kept."""

from pathlib import Path
from typing import Protocol

from marskit.domain.events import (
    BaselinesLoaded,
    Event,
    FaultInjected,
    ModeChanged,
    Noticed,
    PlannerChanged,
    Recalibrated,
    RunEnded,
    RunStarted,
    ScenarioChanged,
)
from marskit.domain.records import Cycle
from marskit.errors import UserError

Incident = (
    FaultInjected | ScenarioChanged | ModeChanged | PlannerChanged | BaselinesLoaded | Recalibrated | Noticed
)
"""What happens between phases and belongs to the story of a run."""


class KnowledgeError(UserError):
    """Something could not be stored or read, with one sentence saying what."""


def runs_place(text: str) -> Path | str:
    """Where runs are: a folder, or a URL, which as a path would lose a slash."""
    return text if "://" in text else Path(text)


class Knowledge(Protocol):
    """The memory of one run."""

    def note(self, event: Event) -> None:
        """Take an event of the run, in the order of the bus; it is stored with the next cycle."""
        ...

    async def open(self, run: RunStarted) -> None:
        """Begin the run's record."""
        ...

    async def append(self, cycle: Cycle) -> str | None:
        """Store one cycle and the events before it; once this returns, no crash loses them.

        Where it fails, all of it is stored with the next cycle, provided that this one is noted as completed.
        Where it fails for long, the oldest events are let go.

        Returns:
            What was let go since this was last told, in one sentence; mostly None.
        """
        ...

    async def close(self, ended: RunEnded | None = None) -> None:
        """Store what was noted since the last cycle, and `ended`.

        Safe to call twice and after a failed `open`.
        """
        ...
