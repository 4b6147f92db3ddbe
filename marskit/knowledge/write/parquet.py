"""Knowledge as Parquet: one dataset for all runs, one folder per run, one file per batch until they merge."""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from marskit.domain.events import CycleCompleted, Event, RunEnded, RunStarted, ScenarioChanged
from marskit.domain.records import Cycle
from marskit.knowledge.port import KnowledgeError
from marskit.knowledge.storage.store import open_store
from marskit.knowledge.write.writer import Hole, Noted, RunWriter

MOST_NOTED = 240
"""So many events are stored without waiting for a cycle: two minutes' of a loop that is paused."""
MOST_HELD = 7200
"""Of more events than these, the older half is let go while they cannot be stored: about 20 MB, or an hour of
a loop that is paused."""


class ParquetKnowledge:
    """Stores what happens in one run.

    The disk is slow and Polars takes its time to load, so both are left to one thread.
    """

    def __init__(self, root: Path | str) -> None:
        self._store = open_store(root)
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="marskit-knowledge")
        self._writer: RunWriter | None = None
        self._noted: list[Noted] = []
        self._seq = 0
        self._cycle = 1
        """The one under way."""
        self._stored: int | None = None
        """The cycle that is stored and not yet noted as completed."""
        self._storing = asyncio.Lock()
        self._flushing: asyncio.Task[None] | None = None
        self._hole: Hole | None = None
        """What was let go and comes before everything that is noted."""
        self._untold: Hole | None = None
        """What was let go and is told with the next cycle that is stored."""

    def note(self, event: Event) -> None:
        """Take an event; it is stored with the next cycle, or with many like it."""
        if isinstance(event, CycleCompleted) and event.cycle.id == self._stored:
            self._complete(event.cycle.id)
            return
        self._nobody_told()
        self._noted.append(Noted(self._seq, self._cycle, event))
        if isinstance(event, CycleCompleted):
            self._cycle = event.cycle.id + 1
        self._seq += 1
        if self._writer is not None and len(self._noted) % MOST_NOTED == 0:
            self._flushing = asyncio.get_running_loop().create_task(self._flush())

    async def open(self, run: RunStarted) -> None:
        """Write down what the run is, and load what storing needs."""
        if not self._seq:
            self.note(run)
        self._writer = RunWriter(self._store, run)
        await self._in_thread(self._writer.open)

    async def append(self, cycle: Cycle) -> str | None:
        """Store one cycle and what was noted before it; it is on the disk when this returns.

        Returns:
            What had to be let go before, in one sentence.
        """
        writer = self._opened()
        async with self._storing:
            self._nobody_told()
            completed = Noted(self._seq, cycle.id, CycleCompleted(cycle))
            await self._store_noted(writer, completed)
            self._stored = cycle.id
            let_go, self._untold = self._untold, None
            return None if let_go is None else let_go.sentence

    async def close(self, ended: RunEnded | None = None) -> None:
        """Store what is left, and merge it all into few files."""
        if self._flushing is not None:
            await self._flushing
        if self._writer is not None:
            self._nobody_told()
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
                # It is tried again with the next cycle, which tells what is wrong.
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
        """Forget the older half of what waits to be stored once it is too much, and keep how much it was."""
        if len(self._noted) <= MOST_HELD:
            return
        half = len(self._noted) // 2
        older, newer = self._noted[:half], self._noted[half:]
        # What the run is, and the scenario in force, is needed to understand the rest.
        needed = [noted for noted in older if isinstance(noted.event, RunStarted)]
        needed += [noted for noted in older if isinstance(noted.event, ScenarioChanged)][-1:]
        completed = sum(isinstance(noted.event, CycleCompleted) for noted in older)
        gone = Hole(len(older) - len(needed), completed)
        self._noted = [*needed, *newer]
        self._hole, self._untold = gone.with_(self._hole), gone.with_(self._untold)

    def _nobody_told(self) -> None:
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
            raise KnowledgeError("The record of the run is not open.")
        return self._writer

    async def _in_thread(self, work: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._executor, work)
