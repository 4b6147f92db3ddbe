"""What the loop may ask of its memory, wherever it is kept."""

from typing import Protocol

from marskit.domain.events import (
    BaselinesLoaded,
    FaultInjected,
    ModeChanged,
    Noticed,
    PlannerChanged,
    RunStarted,
    ScenarioChanged,
)
from marskit.domain.records import Cycle

Incident = FaultInjected | ScenarioChanged | ModeChanged | PlannerChanged | BaselinesLoaded | Noticed
"""What happens between phases and belongs to the story of a run."""


class KnowledgeError(Exception):
    """Something could not be stored or read, with one sentence saying what."""


class Knowledge(Protocol):
    """The memory of one run."""

    async def open(self, run: RunStarted) -> None:
        """Begin the run's record."""
        ...

    async def append(self, cycle: Cycle, incidents: tuple[Incident, ...]) -> None:
        """Store one cycle and what happened since the one before; once this returns, no crash loses them."""
        ...

    async def close(self) -> None:
        """End the record; safe to call twice and after a failed `open`."""
        ...
