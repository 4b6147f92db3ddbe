"""What the loop may ask of its memory, wherever it is kept."""

from typing import Protocol

from marskit.domain.events import RunStarted
from marskit.domain.records import Cycle


class KnowledgeError(Exception):
    """Something could not be stored or read, with one sentence saying what."""


class Knowledge(Protocol):
    """The memory of one run."""

    async def open(self, run: RunStarted) -> None:
        """Begin the run's record."""
        ...

    async def append(self, cycle: Cycle) -> None:
        """Store one cycle; it survives any crash once this returns."""
        ...

    async def close(self) -> None:
        """End the record; safe to call twice and after a failed `open`."""
        ...
