"""What the loop may ask of its memory, wherever it is kept."""

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

Incident = (
    FaultInjected | ScenarioChanged | ModeChanged | PlannerChanged | BaselinesLoaded | Recalibrated | Noticed
)
"""What happens between phases and belongs to the story of a run."""


class KnowledgeError(Exception):
    """Something could not be stored or read, with one sentence saying what."""


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
