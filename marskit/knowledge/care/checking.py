"""Checks every file of every run, and sets damaged ones aside."""

from dataclasses import dataclass
from pathlib import Path

from marskit.knowledge.format.file_names import CORRUPT
from marskit.knowledge.format.tables import LOG
from marskit.knowledge.port import KnowledgeError
from marskit.knowledge.read.reading import Files, attempt
from marskit.knowledge.read.run_content import Content
from marskit.knowledge.storage.store import open_store


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of a check."""

    runs: int
    files: int
    """Number of files checked."""
    problems: tuple[str, ...]
    """One sentence for each damaged or missing file, with what is lost."""
    set_aside: tuple[str, ...]
    """One sentence for each damaged file that was set aside, with its new name."""


def check_runs(root: str | Path) -> Checked:
    """Read every file of the runs under `root`, and rename damaged ones to `*.corrupt`.

    Files of a run that is being written are only reported: its writer may be about to replace them.
    """
    store = open_store(root)
    runs = store.runs()
    files = 0
    problems: list[str] = []
    set_aside: list[str] = []
    for run in runs:
        if not store.names(run):
            # It ended before there was anything to record.
            continue
        try:
            found, damaged, reported, live = attempt(store, run, _check)
        except KnowledgeError as error:
            problems.append(str(error))
            continue
        files += found
        problems += reported
        for name in () if live else damaged:
            store.rename(run, name, name + CORRUPT)
            set_aside.append(store.location(run, name + CORRUPT))
    return Checked(len(runs), files, tuple(problems), tuple(set_aside))


def _check(files: Files) -> tuple[int, list[str], list[str], bool]:
    """The number of files, the names of damaged ones, the problems, and whether the run is live."""
    head = files.head()
    names = [*files.heads, *(file.name for file in files.files)]
    wrong = {name: sentence for name in names if (sentence := files.wrong_with(name)) is not None}
    content = Content(files, head)
    # The loss depends on what other files contain.
    for table in sorted({LOG, *(file.table for file in files.files if file.name in wrong)}):
        content.cover(table)
    reported = dict.fromkeys(content.problems)
    for name, sentence in wrong.items():
        if not any(problem.startswith(files.location(name)) for problem in reported):
            reported[sentence] = None
    return len(files.names), list(wrong), list(reported), files.live
