"""Every event of a run, as the bus published them."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from marskit.domain.events import Event, RunStarted
from marskit.domain.loop_events import CycleCompleted
from marskit.knowledge.format.log import COMPLETED, Decoder
from marskit.knowledge.format.tables import LOG
from marskit.knowledge.read.reading import Files, attempt
from marskit.knowledge.read.run_content import Content
from marskit.knowledge.storage.store import open_store


@dataclass(frozen=True, slots=True)
class Recording:
    """A run that can be replayed."""

    started: RunStarted
    started_at: datetime
    events: tuple[Event, ...]
    """`RunStarted` first, `RunEnded` last if the run ended cleanly."""
    unreadable: tuple[str, ...]
    """One sentence for each thing that could not be read."""
    complete: bool
    """Whether these are all events up to the last one, as they were published."""


def load_recording(root: str | Path, run: str) -> Recording:
    """Every event of that run.

    Raises:
        KnowledgeError: The run's description cannot be read; unreadable events are only reported.
    """
    with _no_garbage():
        return attempt(open_store(root), run, _load)


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Suspend garbage collection: with millions of long-lived objects, it costs a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _load(files: Files) -> Recording:
    head = files.head()
    content = Content(files, head)
    rows = content.rows(content.cover(LOG))
    # The cycles first: their parts repeat in the phases' events, which need not be decoded again.
    decoded: dict[int, Event | None] = {
        row.seq: content.decoded(row) for row in rows if row.kind == COMPLETED
    }
    decoder = Decoder(
        (row, event.cycle) for row in rows if isinstance(event := decoded.get(row.seq), CycleCompleted)
    )
    for row in rows:
        if row.seq not in decoded:
            decoded[row.seq] = content.decoded(row, decoder.decode)
    events = tuple(event for row in rows if (event := decoded[row.seq]) is not None)
    gapless = [row.seq for row in rows] == list(range(len(events)))
    return Recording(head.started, head.started_at, events, tuple(content.problems), complete=gapless)
