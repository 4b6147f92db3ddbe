"""The content of one run's files: its log, records and tables."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from marskit.domain.events import Event, RunEnded
from marskit.domain.loop_events import CycleCompleted
from marskit.domain.shortfall import WITHOUT_END, Shortfall
from marskit.knowledge.format import log
from marskit.knowledge.format.codec import CodecError
from marskit.knowledge.format.file_names import File
from marskit.knowledge.format.log import COMPLETED, ENDED, STORY, Row
from marskit.knowledge.format.rows import table as table_of
from marskit.knowledge.format.tables import LOG, table_schema
from marskit.knowledge.port import Incident
from marskit.knowledge.read import missing
from marskit.knowledge.read.reading import Cover, Files, Head
from marskit.knowledge.record import Record

if TYPE_CHECKING:
    import polars as pl


class Content:
    """The content of a run's files; every method may raise `FileNotFoundError`, see `Files`."""

    def __init__(self, files: Files, head: Head) -> None:
        self._files = files
        self._head = head
        self.problems: list[str] = []
        """One sentence for each thing that could not be read so far."""

    def cover(self, table: str) -> Cover:
        """The files of that table; damaged or missing ones become problems."""
        cover = self._files.cover(table)
        self.problems += self._files.foreign
        self.problems += missing.problems(self._files, cover)
        return cover

    def rows(self, cover: Cover, kinds: frozenset[str] | None = None) -> list[Row]:
        """The rows of the log in order, optionally of some kinds only."""
        return log.settle(row for file in cover.files for row in self._rows(file, kinds))

    def records(self) -> tuple[Record, ...]:
        """The records of all cycles, in order."""
        cover = self.cover(LOG)
        records: list[Record] = []
        incidents: list[Incident] = []
        for row in self.rows(cover, STORY):
            event = self.decoded(row)
            if isinstance(event, CycleCompleted):
                records.append(_record(row, event, tuple(incidents)))
                incidents.clear()
            elif isinstance(event, Incident):
                incidents.append(event)
        return tuple(records)

    def ended(self) -> RunEnded | None:
        """The run's end, if it was recorded: the last event of the last file."""
        files = self._files.cover(LOG).files
        rows = self._rows(files[-1], frozenset({ENDED})) if files else ()
        for row in rows:
            event = self.decoded(row)
            if isinstance(event, RunEnded):
                return event
        return None

    def shortfalls(self) -> tuple[Shortfall, ...]:
        """What the run did not do of what it was asked; empty while it is still recorded."""
        if (ended := self.ended()) is not None:
            return ended.shortfalls
        return () if self._files.live else (WITHOUT_END,)

    def frame(self, table: str, files: Sequence[File]) -> "pl.DataFrame":
        """The rows of a table that these adjacent files contain, or that can be made from them."""
        import polars as pl

        frames = [self._frame(table, own, tuple(group)) for own, group in groupby(files, lambda f: f.table)]
        return pl.concat(frames) if frames else table_schema(table).to_frame()

    def decoded(self, row: Row, decode: Callable[[Row], Event] = log.event_of) -> Event | None:
        """The event of a row; None, and a problem, if it cannot be read."""
        try:
            return decode(row)
        except CodecError as error:
            self.problems.append(f"{self._files.location()}, cycle {row.cycle}: {error}")
            return None

    def _frame(self, table: str, stored_as: str, files: Sequence[File]) -> "pl.DataFrame":
        import polars as pl

        if stored_as == table != LOG:
            columns = table_schema(table)
            return pl.concat([self._files.read(file.name, columns) for file in files])
        cover = Cover(tuple(files), ())
        if table == LOG:
            return log.frame(self.rows(cover))
        completed = ((row, self.decoded(row)) for row in self.rows(cover, _COMPLETED))
        records = [_record(row, event) for row, event in completed if isinstance(event, CycleCompleted)]
        return table_of(table, self._head.started, records)

    def _rows(self, file: File, kinds: frozenset[str] | None) -> Iterator[Row]:
        import polars as pl

        frame = self._files.read(file.name, table_schema(LOG))
        return log.rows_of(frame if kinds is None else frame.filter(pl.col("kind").is_in(list(kinds))))


_COMPLETED = frozenset({COMPLETED})


def _record(row: Row, event: CycleCompleted, incidents: tuple[Incident, ...] = ()) -> Record:
    return Record(event.cycle, incidents, row.scenario, row.speed, row.covers_s or 0.0)
