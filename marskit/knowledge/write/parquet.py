"""Knowledge as Parquet: one dataset for all runs, a folder per run, a file per batch until they merge."""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from marskit.domain.events import Event, RunEnded, RunStarted, ScenarioChanged
from marskit.domain.loop_events import CycleCompleted
from marskit.domain.records import Cycle
from marskit.knowledge.port import KnowledgeError
from marskit.knowledge.storage.store import open_store
from marskit.knowledge.write.writer import Hole, Noted, RunWriter

MOST_NOTED = 240
"""Number of events that are stored without waiting for a cycle: two minutes of a paused loop."""
MOST_HELD = 7200
"""Number of waiting events above which the older half is discarded if storing fails: about 20 MB, or an hour
of a paused loop."""


class ParquetKnowledge:
    """Stores the events of one run.

    The disk is slow and Polars takes time to load, so one thread does both.
    """

    def __init__(self, root: Path | str) -> None:
        self._store = open_store(root)
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="marskit-knowledge")
        self._writer: RunWriter | None = None
        self._noted: list[Noted] = []
        self._seq = 0
        self._cycle = 1
        """The cycle under way."""
        self._stored: int | None = None
        """The cycle that is stored but not noted as completed yet."""
        self._storing = asyncio.Lock()
        self._flushing: asyncio.Task[None] | None = None
        self._hole: Hole | None = None
        """Discarded events that precede all noted ones."""
        self._discarded_cycles = 0
        self._unreported: Hole | None = None
        """Discarded events to report with the next stored cycle."""

    @property
    def unstored_cycles(self) -> int:
        """Those that wait for a better moment, and those that were discarded."""
        waiting = sum(isinstance(noted.event, CycleCompleted) for noted in self._noted)
        return self._discarded_cycles + waiting

    def note(self, event: Event) -> None:
        """Take an event; it is stored with the next cycle, or in a batch of its kind."""
        if isinstance(event, CycleCompleted) and event.cycle.id == self._stored:
            self._complete(event.cycle.id)
            return
        self._complete_without_bus()
        self._noted.append(Noted(self._seq, self._cycle, event))
        if isinstance(event, CycleCompleted):
            self._cycle = event.cycle.id + 1
        self._seq += 1
        if self._writer is not None and len(self._noted) % MOST_NOTED == 0:
            self._flushing = asyncio.get_running_loop().create_task(self._flush())

    async def open(self, run: RunStarted) -> None:
        """Store the description of the run, and load what storing needs."""
        if not self._seq:
            self.note(run)
        self._writer = RunWriter(self._store, run)
        await self._in_thread(self._writer.open)

    async def append(self, cycle: Cycle) -> str | None:
        """Store one cycle and the events noted before it; everything is on disk when this returns.

        Returns:
            What had to be discarded before, in one sentence.
        """
        writer = self._opened()
        async with self._storing:
            self._complete_without_bus()
            completed = Noted(self._seq, cycle.id, CycleCompleted(cycle))
            await self._store_noted(writer, completed)
            self._stored = cycle.id
            let_go, self._unreported = self._unreported, None
            return None if let_go is None else let_go.sentence

    async def close(self, ended: RunEnded | None = None) -> None:
        """Store the remaining events, and merge everything into few files."""
        if self._flushing is not None:
            await self._flushing
        if self._writer is not None:
            self._complete_without_bus()
            writer, self._writer = self._writer, None
            if ended is not None:
                self.note(ended)
            try:
                await self._store_noted(writer)
            finally:
                await self._in_thread(writer.close)
        self._executor.shutdown(wait=True)

    async def _flush(self) -> None:
        async with self._storing:
            if self._writer is not None:
                # The next cycle tries again and reports the failure.
                with contextlib.suppress(OSError):
                    await self._store_noted(self._writer)

    async def _store_noted(self, writer: RunWriter, *more: Noted) -> None:
        noted = tuple(self._noted)
        if noted or more:
            try:
                await self._in_thread(lambda: writer.append((*noted, *more), self._hole))
            except Exception:
                self._let_go()
                raise
            del self._noted[: len(noted)]
            self._hole = None

    def _let_go(self) -> None:
        """Discard the older half of the waiting events if there are too many, and record how many."""
        if len(self._noted) <= MOST_HELD:
            return
        half = len(self._noted) // 2
        older, newer = self._noted[:half], self._noted[half:]
        # The run's description and the scenario in force are needed to understand the rest.
        needed = [noted for noted in older if isinstance(noted.event, RunStarted)]
        needed += [noted for noted in older if isinstance(noted.event, ScenarioChanged)][-1:]
        completed = sum(isinstance(noted.event, CycleCompleted) for noted in older)
        gone = Hole(len(older) - len(needed), completed)
        self._discarded_cycles += completed
        self._noted = [*needed, *newer]
        self._hole, self._unreported = gone.with_(self._hole), gone.with_(self._unreported)

    def _complete_without_bus(self) -> None:
        """Without a bus, a cycle is complete when it is stored."""
        if self._stored is not None:
            self._complete(self._stored)

    def _complete(self, cycle: int) -> None:
        seq, self._seq = self._seq, self._seq + 1
        self._stored, self._cycle = None, cycle + 1
        if self._writer is not None:
            writer = self._writer
            self._executor.submit(lambda: writer.completed(seq))

    def _opened(self) -> RunWriter:
        if self._writer is None:
            raise KnowledgeError("The recording of this run is not open.")
        return self._writer

    async def _in_thread(self, work: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._executor, work)
