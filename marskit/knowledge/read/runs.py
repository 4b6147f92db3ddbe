"""Reads recorded runs: their list with headline figures, and every record of one of them."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from marskit.domain.events import RunStarted
from marskit.domain.shortfall import Shortfall
from marskit.knowledge.port import KnowledgeError
from marskit.knowledge.read.reading import Files, attempt
from marskit.knowledge.read.run_content import Content
from marskit.knowledge.record import Figures, Record, figures
from marskit.knowledge.storage.store import open_store


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
    shortfalls: tuple[Shortfall, ...] = ()


@dataclass(frozen=True, slots=True)
class RunList:
    """All readable runs, oldest first, and one sentence for each unreadable one."""

    runs: tuple[RunSummary, ...]
    unreadable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoredRun:
    """Everything that is known about one run."""

    started: RunStarted
    started_at: datetime
    records: tuple[Record, ...]
    unreadable: tuple[str, ...]
    """One sentence for each thing that could not be read."""
    shortfalls: tuple[Shortfall, ...] = ()
    """What the run did not do of what it was asked."""


class _Counted(NamedTuple):
    """The columns that figures are counted from."""

    speed: float
    covers_s: float
    slo_met: bool | None
    failed_requests: float
    mesh_failures: float
    replicas_ready: int | None
    actions: int


def list_runs(root: str | Path) -> RunList:
    """All runs under `root`; unreadable ones are reported and left out."""
    runs: list[RunSummary] = []
    unreadable: list[str] = []
    store = open_store(root)
    for run in store.runs():
        if not store.names(run):
            # It ended before there was anything to record.
            continue
        try:
            summary, problems = attempt(store, run, _summary)
        except KnowledgeError as error:
            unreadable.append(str(error))
            continue
        runs.append(summary)
        unreadable += problems
    return RunList(tuple(runs), tuple(unreadable))


def find_run(root: str | Path, name: str) -> str:
    """The id of the run that `name` denotes: an id, a unique beginning of one, or `last`.

    Raises:
        KnowledgeError: No run matches, or several do.
    """
    store = open_store(root)
    runs = store.runs()
    if not runs:
        raise KnowledgeError(f"{store.place} contains no runs.")
    if name == "last":
        return runs[-1]
    found = [name] if name in runs else [run for run in runs if run.startswith(name)]
    if not found:
        raise KnowledgeError(f"{store.place} contains no run {name!r}; the latest is {runs[-1]}.")
    if len(found) > 1:
        raise KnowledgeError(f"{len(found)} runs in {store.place} begin with {name!r}, such as {found[0]}.")
    return found[0]


def load_run(root: str | Path, run: str) -> StoredRun:
    """Everything stored about that run.

    Raises:
        KnowledgeError: The run's description cannot be read; unreadable cycles are only reported.
    """

    def load(files: Files) -> StoredRun:
        head = files.head()
        content = Content(files, head)
        records = content.records()
        short = content.shortfalls()
        return StoredRun(head.started, head.started_at, records, tuple(content.problems), short)

    return attempt(open_store(root), run, load)


def _summary(files: Files) -> tuple[RunSummary, list[str]]:
    head = files.head()
    content = Content(files, head)
    cover = content.cover("cycles")
    frame = content.frame("cycles", cover.files).select(_Counted._fields)
    counted = figures(_Counted(*row) for row in frame.iter_rows())
    run = head.started
    return (
        RunSummary(
            *(run.run, head.started_at, run.mesh, run.scenario.name, run.planner, run.seed, counted),
            shortfalls=content.shortfalls(),
        ),
        content.problems,
    )
