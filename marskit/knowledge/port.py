"""The loop's interface to its memory, wherever that is stored."""

from pathlib import Path
from typing import Protocol

from marskit.domain.events import (
    BaselinesLoaded,
    ConfigurationChanged,
    Event,
    FaultEnded,
    FaultInjected,
    LoadLost,
    LoadRestored,
    Noticed,
    Recalibrated,
    RunEnded,
    RunStarted,
    ScenarioChanged,
    TelemetryLost,
    TelemetryRestored,
)
from marskit.domain.loop_events import CycleNotStored, ModeChanged, PlannerChanged
from marskit.domain.records import Cycle
from marskit.errors import UserError

Incident = (
    FaultInjected
    | FaultEnded
    | ScenarioChanged
    | ModeChanged
    | PlannerChanged
    | ConfigurationChanged
    | TelemetryLost
    | TelemetryRestored
    | LoadLost
    | LoadRestored
    | CycleNotStored
    | BaselinesLoaded
    | Recalibrated
    | Noticed
)
"""Events between phases that belong to the story of a run."""


class KnowledgeError(UserError):
    """Something could not be stored or read; one sentence says what."""


def runs_place(text: str) -> Path | str:
    """The store of runs: a folder, or a URL, which would lose a slash as a path."""
    return text if "://" in text else Path(text)


class Knowledge(Protocol):
    """The memory of one run."""

    def note(self, event: Event) -> None:
        """Take an event of the run, in the order of the bus; it is stored with the next cycle."""
        ...

    async def open(self, run: RunStarted) -> None:
        """Begin recording the run."""
        ...

    async def append(self, cycle: Cycle) -> str | None:
        """Store one cycle and the events before it; once this returns, no crash loses them.

        After a failure, everything is stored with the next cycle, provided that this one is noted as
        completed. After many failures, the oldest events are discarded.

        Returns:
            What was discarded since the last report, in one sentence; usually None.
        """
        ...

    @property
    def unstored_cycles(self) -> int:
        """Number of completed cycles that are not stored, for now or for ever."""
        ...

    async def close(self, ended: RunEnded | None = None) -> None:
        """Store the events since the last cycle, and `ended`.

        Safe to call twice and after a failed `open`.
        """
        ...
