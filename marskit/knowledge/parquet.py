"""Knowledge as Parquet: one dataset for all runs, one folder per run, one file per cycle until they merge."""

import asyncio
import contextlib
import io
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from marskit.domain.events import RunStarted
from marskit.domain.records import Cycle
from marskit.knowledge.files import RUN_FILE, Part, run_folder, sync_folder, write_durably
from marskit.knowledge.port import Incident, KnowledgeError
from marskit.knowledge.record import Recorder
from marskit.knowledge.schema import cycle_row, cycle_schema, run_row, run_schema

if TYPE_CHECKING:
    import polars as pl

MOST_PARTS = 200
"""How many files of single cycles may lie side by side before they are merged."""


class ParquetKnowledge:
    """Stores the cycles of one run under `<root>/run=<id>/`.

    The disk is slow and Polars takes its time to load, so both are left to one thread.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="marskit-knowledge")
        self._writer: _Writer | None = None

    async def open(self, run: RunStarted) -> None:
        """Write down what the run is, and load what storing needs."""
        self._writer = _Writer(run_folder(self._root, run.run), run)
        await self._in_thread(self._writer.open)

    async def append(self, cycle: Cycle, incidents: tuple[Incident, ...]) -> None:
        """Store one cycle in a file of its own; it is on the disk when this returns."""
        writer = self._opened()
        await self._in_thread(lambda: writer.append(cycle, incidents))

    async def close(self) -> None:
        """Merge what is left into one file."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            await self._in_thread(writer.close)
        self._executor.shutdown(wait=True)

    def _opened(self) -> "_Writer":
        if self._writer is None:
            raise KnowledgeError("The record of the run is not open.")
        return self._writer

    async def _in_thread(self, work: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._executor, work)


class _Writer:
    """What the one thread does."""

    def __init__(self, folder: Path, run: RunStarted) -> None:
        self._folder = folder
        self._run = run
        self._recorder = Recorder(run)
        self._started_at_us = time.time_ns() // 1000
        self._described = False
        self._singles: dict[Part, pl.DataFrame] = {}
        self._merged: list[Part] = []

    def open(self) -> None:
        self._describe()
        sync_folder(self._folder.parent)
        # The first row of a kind is ten times dearer than the others: better now than in the first cycle.
        cycle_schema().to_frame().write_parquet(io.BytesIO(), compression="uncompressed")

    def append(self, cycle: Cycle, incidents: tuple[Incident, ...]) -> None:
        import polars as pl

        self._describe()
        record = self._recorder.record(cycle, incidents)
        frame = pl.DataFrame([cycle_row(self._run, record)], schema=cycle_schema())
        part = Part(cycle.id, cycle.id)
        write_durably(self._path(part), _uncompressed(frame))
        self._singles[part] = frame
        if len(self._singles) > MOST_PARTS:
            # The cycle is stored: a merge that fails is made up for by the next one.
            with contextlib.suppress(OSError):
                self._merge_singles()

    def close(self) -> None:
        import polars as pl

        self._merge_singles()
        if len(self._merged) > 1:
            self._merge({part: pl.read_parquet(self._path(part)) for part in self._merged})

    def _merge_singles(self) -> None:
        if self._singles:
            self._merged.append(self._merge(self._singles))
            self._singles = {}

    def _merge(self, frames: "dict[Part, pl.DataFrame]") -> Part:
        """Merge the files of these frames: first the merged one is durable, then the others go.

        Cut short in between, both lie there; a reader leaves out the files whose cycles another one holds.
        """
        import polars as pl

        whole = Part(min(frames).first, max(frames).last)
        if len(frames) > 1:
            content = io.BytesIO()
            pl.concat(frames.values(), rechunk=True).write_parquet(content)
            write_durably(self._path(whole), content.getvalue())
            for part in frames:
                self._path(part).unlink(missing_ok=True)
        return whole

    def _path(self, part: Part) -> Path:
        return self._folder / part.name

    def _describe(self) -> None:
        import polars as pl

        if not self._described:
            frame = pl.DataFrame([run_row(self._run, self._started_at_us)], schema=run_schema())
            write_durably(self._folder / RUN_FILE, _uncompressed(frame))
            self._described = True


def _uncompressed(frame: "pl.DataFrame") -> bytes:
    """One row is smaller without compression, and cheaper."""
    content = io.BytesIO()
    frame.write_parquet(content, compression="uncompressed", statistics=False)
    return content.getvalue()
