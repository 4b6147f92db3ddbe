"""Reads the files of one run: which files together contain everything once, and which are damaged."""

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from marskit.domain.events import Event, RunStarted
from marskit.knowledge.format import log
from marskit.knowledge.format.codec import CodecError, loads
from marskit.knowledge.format.file_names import CORRUPT, File, crc_in, file_of, is_run_file
from marskit.knowledge.format.tables import LOG, SCHEMA_VERSION
from marskit.knowledge.port import KnowledgeError
from marskit.knowledge.storage.store import Store

if TYPE_CHECKING:
    import polars as pl

T = TypeVar("T")

DAMAGED = "this file is damaged: its bytes differ from those that were written"
HEAD_COLUMNS = ("schema_version", "started_at", "run_record")
"""Columns to read from the file that describes a run."""
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Head:
    """The description of a run."""

    started_at: datetime
    started: RunStarted


@dataclass(frozen=True, slots=True)
class Cover:
    """The files that together contain every batch once, of a table or of the log behind it."""

    files: tuple[File, ...]
    damaged: tuple[tuple[File, str], ...]
    """Each with a sentence about the damage."""


class Files:
    """The files of one run, as they were when this was made.

    Files of a run in progress may vanish because they are merged: `attempt` then tries again.
    """

    def __init__(self, store: Store, run: str) -> None:
        self.store = store
        self.run = run
        # Before listing: a run that ends meanwhile counts as live, which does no harm.
        self.live = store.is_live(run)
        self.names = store.names(run)
        self.files: list[File] = []
        self.foreign: list[str] = []
        self.heads: list[str] = []
        for name in sorted(self.names):
            if (file := file_of(name)) is not None:
                self.files.append(file)
            elif is_run_file(name):
                self.heads.append(name)
            elif not name.endswith(CORRUPT) and name[0] != "_":
                self.foreign.append(f"{self.location(name)}: this is not a file of a run.")

    def location(self, name: str = "") -> str:
        """The location of that file or of the run, for messages."""
        return self.store.location(self.run, name).rstrip("/")

    def wrong_with(self, name: str) -> str | None:
        """A sentence if the file differs from what was stored, else None; raises `FileNotFoundError`."""
        damaged = self.store.crc(self.run, name) != crc_in(name)
        return f"{self.location(name)}: {DAMAGED}." if damaged else None

    def cover(self, table: str) -> Cover:
        """The files that contain that table; raises `FileNotFoundError`.

        A file whose batches a wider file contains is used only if the wider one is damaged.
        """
        wanted = [file for file in self.files if file.table in (table, LOG)]
        chosen: list[File] = []
        damaged: list[tuple[File, str]] = []
        for file in sorted(wanted, key=lambda f: (f.span.first, -f.span.last, f.table != table)):
            if not chosen or not chosen[-1].span.holds(file.span):
                wrong = self.wrong_with(file.name)
                if wrong is None:
                    chosen.append(file)
                else:
                    damaged.append((file, wrong))
        return Cover(tuple(chosen), tuple(damaged))

    def read(self, name: str, columns: Iterable[str] | None = None) -> "pl.DataFrame":
        """Those columns of a file.

        Raises:
            KnowledgeError: The file is not as expected.
            FileNotFoundError: The file does not exist any more.
        """
        import polars as pl

        wanted = None if columns is None else list(columns)
        try:
            return pl.read_parquet(io.BytesIO(self.store.read(self.run, name)), columns=wanted)
        except FileNotFoundError:
            raise
        except (pl.exceptions.PolarsError, OSError) as error:
            reason = str(error).split("\n", 1)[0].rstrip(".")
            raise KnowledgeError(f"{self.location(name)}: this file cannot be read ({reason}).") from error

    def head(self) -> Head:
        """The run's description; raises `FileNotFoundError`.

        Raises:
            KnowledgeError: It cannot be read, or has another schema version.
        """
        problem = (
            f"{self.location('_run.parquet')}: this file is missing, so the run cannot be described; "
            "a run that has just begun writes it within seconds."
        )
        for name in self.heads:
            try:
                return self._head(name)
            except _OtherVersion:
                raise
            except KnowledgeError as error:
                problem = str(error)
        found = self._head_of_log()
        if found is None:
            raise KnowledgeError(problem)
        return found

    def _head(self, name: str) -> Head:
        place = self.location(name)
        if crc_in(name) is not None and (wrong := self.wrong_with(name)) is not None:
            raise KnowledgeError(wrong)
        frame = self.read(name, HEAD_COLUMNS)
        if frame.height != 1:
            raise KnowledgeError(f"{place}: found {frame.height} rows, expected one.")
        return head_of(frame.row(0), place)

    def _head_of_log(self) -> Head | None:
        """The run's description from the first event of its log, if that can be read."""
        for file in self.files:
            if file.table == LOG and file.span.first == 1 and self.wrong_with(file.name) is None:
                first = log.settle(log.rows_of(self.read(file.name)))[0]
                if first.kind == RunStarted.__name__:
                    return Head(time_of(self.run), loads(first.event, Event))
        return None


def head_of(row: Sequence[Any], place: str) -> Head:
    """A run's description from the `HEAD_COLUMNS` of its file.

    Raises:
        KnowledgeError: It has another schema version, or is not a description.
    """
    version, started_at, record = row
    if version != SCHEMA_VERSION:
        raise _OtherVersion(
            f"{place}: its schema version is {version}; this release reads version {SCHEMA_VERSION} only."
        )
    try:
        return Head(started_at, loads(record, RunStarted))
    except CodecError as error:
        raise KnowledgeError(f"{place}: {error}") from error


class _OtherVersion(KnowledgeError):
    """A run of a schema version that this program does not read."""


def attempt(store: Store, run: str, read: Callable[[Files], T]) -> T:
    """What `read` returns for the run's files; it is called again if files were merged while it read.

    Raises:
        KnowledgeError: They keep changing, or `read` raises it.
    """
    for _ in range(_ATTEMPTS):
        try:
            return read(Files(store, run))
        except FileNotFoundError:
            continue
    place = store.location(run, "").rstrip("/")
    raise KnowledgeError(f"{place}: its files change faster than they can be read.")


def time_of(run: str) -> datetime:
    """The start of a run, by its id."""
    try:
        return datetime.strptime(run[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
