"""Reading what runs left behind: their list with headline figures, and every record of one of them."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from marskit.domain.events import RunStarted
from marskit.knowledge.codec import CodecError, loads
from marskit.knowledge.files import RUN_FILE, part_of, run_folder
from marskit.knowledge.port import KnowledgeError
from marskit.knowledge.record import Figures, Record, figures
from marskit.knowledge.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    import polars as pl

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run in the list."""

    run: str
    started_at: datetime
    mesh: str
    scenario: str
    planner: str
    seed: int
    figures: Figures


@dataclass(frozen=True, slots=True)
class RunList:
    """All runs that can be read, oldest first, and one sentence for each thing that cannot."""

    runs: tuple[RunSummary, ...]
    unreadable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoredRun:
    """Everything that is known of one run."""

    started: RunStarted
    started_at: datetime
    records: tuple[Record, ...]
    unreadable: tuple[str, ...]
    """One sentence for each thing that could not be read."""


class _Counted(NamedTuple):
    """The columns that figures are counted from."""

    speed: float
    covers_s: float
    slo_met: bool | None
    failed_requests: float
    replicas_ready: int
    actions: int


class _Stored(NamedTuple):
    cycle: int
    record: str


class _Head(NamedTuple):
    run: str
    started_at: datetime
    mesh: str
    scenario: str
    planner: str
    seed: int
    run_record: str


def list_runs(root: Path) -> RunList:
    """All runs under `root`; what cannot be read is told and left out."""
    runs: list[RunSummary] = []
    unreadable: list[str] = []
    for folder in sorted(root.glob("run=*")):
        try:
            head = _head(folder)
            rows, problems = _rows(folder, _Counted._fields)
        except KnowledgeError as error:
            unreadable.append(str(error))
            continue
        unreadable += problems
        counted = figures(_Counted(*row) for row in rows)
        runs.append(
            RunSummary(head.run, head.started_at, head.mesh, head.scenario, head.planner, head.seed, counted)
        )
    return RunList(tuple(runs), tuple(unreadable))


def find_run(root: Path, name: str) -> str:
    """The id of the run meant by `name`: an id, the beginning of just one, or `last`.

    Raises:
        KnowledgeError: There is none, or there are several.
    """
    runs = [folder.name.removeprefix("run=") for folder in sorted(root.glob("run=*"))]
    if not runs:
        raise KnowledgeError(f"There are no runs in {root}.")
    if name == "last":
        return runs[-1]
    found = [name] if name in runs else [run for run in runs if run.startswith(name)]
    if not found:
        raise KnowledgeError(f"There is no run {name!r} in {root}; the last one is {runs[-1]}.")
    if len(found) > 1:
        raise KnowledgeError(f"{len(found)} runs in {root} begin with {name!r}, such as {found[0]}.")
    return found[0]


def load_run(root: Path, run: str) -> StoredRun:
    """Everything that is stored of that run.

    Raises:
        KnowledgeError: What the run was cannot be read; cycles that cannot be are only told.
    """
    folder = run_folder(root, run)
    head = _head(folder)
    try:
        started = loads(head.run_record, RunStarted)
    except CodecError as error:
        raise KnowledgeError(f"{folder / RUN_FILE}: {error}") from error
    rows, unreadable = _rows(folder, _Stored._fields)
    records: list[Record] = []
    for stored in (_Stored(*row) for row in rows):
        try:
            records.append(loads(stored.record, Record))
        except CodecError as error:
            unreadable.append(f"{folder}, cycle {stored.cycle}: {error}")
    return StoredRun(started, head.started_at, tuple(records), tuple(unreadable))


def _head(folder: Path) -> _Head:
    frame = _read(folder / RUN_FILE, _Head._fields)
    if frame.height != 1:
        raise KnowledgeError(f"{folder / RUN_FILE}: found {frame.height} rows, expected one.")
    return _Head(*frame.row(0))


def _rows(folder: Path, columns: tuple[str, ...]) -> tuple[list[tuple[Any, ...]], list[str]]:
    """Those columns of every cycle, in order and each cycle once, and what could not be read."""
    for _ in range(_ATTEMPTS):
        try:
            return _try_rows(folder, columns)
        except FileNotFoundError:
            # Files were merged between listing and reading; the merged one is there by now.
            continue
    raise KnowledgeError(f"{folder}: its files change faster than they can be read.")


def _try_rows(folder: Path, columns: tuple[str, ...]) -> tuple[list[tuple[Any, ...]], list[str]]:
    rows: list[tuple[Any, ...]] = []
    problems: list[str] = []
    visible = [path for path in folder.iterdir() if path.name[0] not in "._"]
    parts = {part: path for path in visible if (part := part_of(path)) is not None}
    problems += [f"{path}: this is no file of a run." for path in sorted(set(visible) - set(parts.values()))]
    read = None
    # The widest first: a file whose cycles a merged one holds is read only if the merged one cannot be.
    for part in sorted(parts, key=lambda part: (part.first, -part.last)):
        if read is None or not read.holds(part):
            try:
                rows += _read(parts[part], columns).rows()
            except KnowledgeError as error:
                problems.append(str(error))
            else:
                read = part
    return rows, problems


def _read(path: Path, columns: tuple[str, ...]) -> "pl.DataFrame":
    """Those columns of one file.

    Raises:
        KnowledgeError: It is not the file it should be.
        FileNotFoundError: It is not there any more.
    """
    import polars as pl

    wanted = [*columns, "schema_version"]
    try:
        frame = pl.read_parquet(path.read_bytes(), columns=wanted)
    except FileNotFoundError:
        if path.name == RUN_FILE:
            raise KnowledgeError(f"{path}: this file is missing, so nothing is known of the run.") from None
        raise
    except (pl.exceptions.PolarsError, OSError) as error:
        raise KnowledgeError(f"{path}: this file cannot be read ({_first_line(error)}).") from error
    newest = frame["schema_version"].max()
    if isinstance(newest, int) and newest > SCHEMA_VERSION:
        raise KnowledgeError(f"{path}: its schema version is {newest}, newer than {SCHEMA_VERSION}.")
    return frame.select(columns)


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0].rstrip(".")
