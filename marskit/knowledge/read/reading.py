"""Reading the files of one run: which of them together hold everything once, and which are damaged."""

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

DAMAGED = "this file is damaged: its bytes are not those that were written"
HEAD_COLUMNS = ("schema_version", "started_at", "run_record")
"""What is read of the file that says what a run was."""
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Head:
    """What a run was."""

    started_at: datetime
    started: RunStarted


@dataclass(frozen=True, slots=True)
class Cover:
    """The files that together hold every batch of a table once, or of the log that it can be made from."""

    files: tuple[File, ...]
    damaged: tuple[tuple[File, str], ...]
    """With a sentence that says what is wrong."""


class Files:
    """The files of one run, as they were when this was made.

    Whoever reads them while the run goes on may find them gone, merged into others: `attempt` tries again.
    """

    def __init__(self, store: Store, run: str) -> None:
        self.store = store
        self.run = run
        # Before they are listed: what ends meanwhile is taken for live, which costs nothing.
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
                self.foreign.append(f"{self.location(name)}: this is no file of a run.")

    def location(self, name: str = "") -> str:
        """Where that file or the run is, for sentences."""
        return self.store.location(self.run, name).rstrip("/")

    def wrong_with(self, name: str) -> str | None:
        """A sentence if the file is not what was stored, else None; raises `FileNotFoundError`."""
        damaged = self.store.crc(self.run, name) != crc_in(name)
        return f"{self.location(name)}: {DAMAGED}." if damaged else None

    def cover(self, table: str) -> Cover:
        """The files that hold that table; raises `FileNotFoundError`.

        A file whose batches a wider one holds is looked at only if that one is damaged.
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
            KnowledgeError: It is not the file it should be.
            FileNotFoundError: It is not there any more.
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
        """What the run was; raises `FileNotFoundError`.

        Raises:
            KnowledgeError: Nothing can be known of it, or its schema version is another.
        """
        problem = (
            f"{self.location('_run.parquet')}: this file is missing, so nothing is known of the run; "
            "one that has just begun has it within seconds."
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
        """What the run was by the first event of its log, where that can be read."""
        for file in self.files:
            if file.table == LOG and file.span.first == 1 and self.wrong_with(file.name) is None:
                first = log.settle(log.rows_of(self.read(file.name)))[0]
                if first.kind == RunStarted.__name__:
                    return Head(time_of(self.run), loads(first.event, Event))
        return None


def head_of(row: Sequence[Any], place: str) -> Head:
    """What a run was, by the `HEAD_COLUMNS` of the file that says so.

    Raises:
        KnowledgeError: Its schema version is another, or it is not such a record.
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
    """What `read` makes of the run's files; it is called again where files were merged while it read.

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
    """When a run began, by its id."""
    try:
        return datetime.strptime(run[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
