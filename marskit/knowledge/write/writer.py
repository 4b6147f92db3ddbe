"""The work of the thread that stores a run: batches at once, and fewer, larger files later."""

import contextlib
import io
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from marskit.domain.events import Event, RunStarted, ScenarioChanged
from marskit.domain.loop_events import CycleCompleted
from marskit.knowledge.format.file_names import MERGED, File, Span, file_of, named, run_file_name
from marskit.knowledge.format.log import Encoder, Row, frame, row_of, settle
from marskit.knowledge.format.rows import run_table, table
from marskit.knowledge.format.tables import LOG, TABLES
from marskit.knowledge.record import Record, covered_s
from marskit.knowledge.storage.store import Store

if TYPE_CHECKING:
    import polars as pl

BATCHES = 64
"""Number of batches in one part: a file of every table."""


class Noted(NamedTuple):
    """An event, its place in the run, and the cycle under way."""

    seq: int
    cycle: int
    event: Event


class Hole(NamedTuple):
    """Events that were discarded because they could not be stored."""

    events: int
    cycles: int
    """Number of completed cycles among them."""

    @property
    def sentence(self) -> str:
        """The loss, in one sentence."""
        cycles = f"; completed cycles among them: {self.cycles}" if self.cycles else ""
        return f"Storing failed for a while, so the oldest {self.events} events were discarded{cycles}."

    def with_(self, other: "Hole | None") -> "Hole":
        """Both together."""
        return self if other is None else Hole(self.events + other.events, self.cycles + other.cycles)


@dataclass(frozen=True, slots=True)
class _Context:
    """The state between two events."""

    scenario: str
    speed: float
    started_s: float | None = None
    """Start of the last cycle."""


@dataclass(slots=True)
class _Batch:
    span: Span
    rows: list[Row]
    records: list[Record]


class RunWriter:
    """Writes one run; a batch is on disk when `append` returns, anything later may be lost.

    New files become durable before the files they replace are removed. After an interruption, readers find
    every batch, some of them twice, and ignore files whose batches a wider file contains.

    Where events were discarded, a batch number is skipped and no file spans the gap: readers report that
    something is missing there, and which cycles, as they do for missing files.
    """

    def __init__(self, store: Store, run: RunStarted) -> None:
        self._store = store
        self._run = run
        self._context = _Context(run.scenario.name, run.scenario.speed)
        self._started_at_us = time.time_ns() // 1000
        self._described = False
        self._held = contextlib.ExitStack()
        self._next = 1
        self._batches: list[_Batch] = []
        self._parts: list[dict[str, File]] = []

    def open(self) -> None:
        """Describe the run, and do the slow first-time work before the first cycle."""
        self._held.enter_context(self._store.hold(self._run.run))
        self._describe()
        _uncompressed(frame(()))

    def append(self, noted: Sequence[Noted], hole: Hole | None = None) -> None:
        """Store a batch, preceded by a hole if one is given."""
        self._describe()
        number, before = self._next, self._context
        if hole is not None:
            if self._batches:
                self._make_part()
            self._merge()
            number += 1
            # The first cycle after lost ones does not count for their time.
            before = replace(before, started_s=None) if hole.cycles else before
        batch, context = self._batch(number, before, noted)
        content = _uncompressed(frame(batch.rows))
        self._write(LOG, batch.span, len(batch.rows), content)
        self._batches.append(batch)
        self._context = context
        self._next = number + 1

    def completed(self, seq: int) -> None:
        """Take the place of the last batch's last cycle on the bus, and merge if due."""
        rows = self._batches[-1].rows
        rows[-1] = rows[-1]._replace(seq=seq)
        if len(self._batches) >= BATCHES:
            # The batches are stored: the next merge makes up for one that fails.
            with contextlib.suppress(OSError):
                self._make_part()
                if sum(_span(part).size for part in self._small()) >= MERGED:
                    self._merge()

    def close(self) -> None:
        """Merge the remaining parts."""
        with self._held:
            if self._batches:
                self._make_part()
            self._merge()

    def _batch(self, number: int, context: _Context, noted: Sequence[Noted]) -> tuple[_Batch, _Context]:
        rows, records = list[Row](), list[Record]()
        encoder = Encoder(event for _, _, event in noted)
        for seq, cycle, event in noted:
            covers_s = None
            if isinstance(event, ScenarioChanged):
                context = replace(context, scenario=event.scenario.name, speed=event.scenario.speed)
            elif isinstance(event, CycleCompleted):
                covers_s = covered_s(event.cycle, context.started_s)
                context = replace(context, started_s=event.cycle.started_at_s)
                records.append(Record(event.cycle, (), context.scenario, context.speed, covers_s))
            stated = context.scenario, context.speed, covers_s
            rows.append(row_of(self._run.run, seq, cycle, event, encoder.encode(event), stated))
        return _Batch(Span(number, number), rows, records), context

    def _make_part(self) -> None:
        batches = self._batches
        span = Span(batches[0].span.first, batches[-1].span.last)
        records = [record for batch in batches for record in batch.records]
        tables = {name: table(name, self._run, records) for name in TABLES if name != LOG}
        tables[LOG] = frame(settle(row for batch in batches for row in batch.rows))
        self._parts.append(self._store_part(span, tables))
        self._batches = []

    def _small(self) -> list[dict[str, File]]:
        """The small parts since the last hole; large ones precede them."""
        small: list[dict[str, File]] = []
        for part in reversed(self._parts):
            across = small and _span(part).last + 1 < _span(small[0]).first
            if across or _span(part).size >= MERGED:
                break
            small.insert(0, part)
        return small

    def _merge(self) -> None:
        """Merge the small parts into one."""
        import polars as pl

        small = self._small()
        if len(small) < 2:
            return
        span = Span(_span(small[0]).first, _span(small[-1]).last)
        tables = {}
        for name in TABLES:
            contents = [self._store.read(self._run.run, part[name].name) for part in small]
            if any(
                zlib.crc32(content) != part[name].crc for content, part in zip(contents, small, strict=True)
            ):
                # Damage must stay visible.
                return
            tables[name] = pl.concat(map(pl.read_parquet, contents), rechunk=True)
        self._parts = [part for part in self._parts if part not in small]
        self._parts.append(self._store_part(span, tables))

    def _store_part(self, span: Span, tables: "dict[str, pl.DataFrame]") -> dict[str, File]:
        part = {}
        for name, rows in tables.items():
            content = io.BytesIO()
            rows.write_parquet(content)
            part[name] = self._write(name, span, rows.height, content.getvalue())
        new = {file.name for file in part.values()}
        for name in self._store.sizes(self._run.run):
            file = file_of(name)
            if file is not None and name not in new and span.holds(file.span):
                self._store.remove(self._run.run, name)
        return part

    def _write(self, name: str, span: Span, rows: int, content: bytes) -> File:
        file = named(name, span, rows, content)
        self._store.write(self._run.run, file.name, content)
        return file

    def _describe(self) -> None:
        if not self._described:
            content = _uncompressed(run_table(self._run, self._started_at_us))
            self._store.write(self._run.run, run_file_name(content), content)
            self._described = True


def _span(part: dict[str, File]) -> Span:
    return part[LOG].span


def _uncompressed(rows: "pl.DataFrame") -> bytes:
    """A few rows, which are smaller and cheaper to write without compression.

    With it, Polars would wake its threads, which costs several times as much as writing.
    """
    from arro3.io import write_parquet

    content = io.BytesIO()
    write_parquet(rows, content, compression="uncompressed", dictionary_enabled=False)
    return content.getvalue()
