"""All runs as tables to query."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from marskit.domain.events import RunStarted
from marskit.knowledge.format.file_names import MERGED, File
from marskit.knowledge.format.tables import LOG, table_schema
from marskit.knowledge.port import KnowledgeError
from marskit.knowledge.read.listing import Listing
from marskit.knowledge.read.reading import Files, Head
from marskit.knowledge.read.run_content import Content
from marskit.knowledge.storage.store import open_store

if TYPE_CHECKING:
    import polars as pl


class Dataset:
    """The runs in one folder, or behind one URL.

    Damaged and missing files are left out of every scan, and reported.
    """

    def __init__(self, root: str | Path) -> None:
        """Use the runs under `root`, which need not exist."""
        self._store = open_store(root)
        self._listing = Listing(self._store)
        self._made: dict[tuple[str, str, str], tuple[Sequence[File], pl.DataFrame]] = {}
        self._damaged: dict[str, None] = {}

    @property
    def damaged(self) -> tuple[str, ...]:
        """One sentence for each thing that the scans so far left out."""
        return tuple(self._damaged)

    def runs(self) -> list[str]:
        """The ids of all runs, the oldest first."""
        return self._store.runs()

    def heads(self, runs: Sequence[str] | None = None) -> Iterator[RunStarted]:
        """The descriptions of all runs, or of those given; unreadable ones are reported as damaged."""
        chosen = self.runs() if runs is None else runs
        for found in self._listing.each(chosen, lambda _, head: head.started):
            if isinstance(found, KnowledgeError):
                self._damaged[str(found)] = None
            else:
                yield found

    def scan(self, table: str, runs: Sequence[str] | None = None) -> "pl.LazyFrame":
        """The rows of that table, of all runs or of those given, sorted by run and cycle.

        Files are read only when the frame is collected, and can be streamed. The newest data of a run in
        progress is read or converted at once.

        Raises:
            KeyError: No table has that name.
        """
        import polars as pl

        schema = table_schema(table)
        there = self._store.runs()
        frames = [schema.to_frame().lazy()]
        waiting: list[str] = []
        chosen = there if runs is None else sorted({*there} & {*runs})
        for found in self._listing.each(chosen, lambda files, head: self._read(table, files, head)):
            if isinstance(found, KnowledgeError):
                self._damaged[str(found)] = None
                continue
            for piece in found:
                if isinstance(piece, str):
                    waiting.append(piece)
                    continue
                frames += self._scan(waiting, schema)
                waiting = []
                frames.append(piece.lazy())
        frames += self._scan(waiting, schema)
        return pl.concat(frames)

    def _scan(self, places: Sequence[str], schema: "pl.Schema") -> "Iterator[pl.LazyFrame]":
        import polars as pl

        if places:
            yield pl.scan_parquet(
                list(places),
                glob=False,
                hive_partitioning=False,
                schema=schema,
                # A later release may have added columns to a table.
                missing_columns="insert",
                extra_columns="ignore",
                storage_options=dict(self._store.scan_options) or None,
            )

    def _read(self, table: str, files: Files, head: Head) -> "list[str | pl.DataFrame]":
        content = Content(files, head)

        def lazily(file: File) -> bool:
            # While the run goes on, a small file will soon be merged and removed.
            stays = file.span.size >= MERGED if files.live else file.span.size > 1
            return file.table == table and stays

        pieces: list[str | pl.DataFrame] = []
        for whole, group in groupby(content.cover(table).files, lazily):
            part = tuple(group)
            if whole:
                pieces += [files.location(file.name) for file in part]
            else:
                pieces.append(self._frame(table, content, files.run, part))
        self._damaged |= dict.fromkeys(content.problems)
        return pieces

    def _frame(self, table: str, content: Content, run: str, files: Sequence[File]) -> "pl.DataFrame":
        key = table, run, files[0].name
        made_of, frame = self._made.get(key, (None, None))
        if frame is None or made_of != files:
            frame = content.frame(table, files)
            if table != LOG:
                # The log is the large one, and quick to read.
                self._made[key] = files, frame
        return frame
