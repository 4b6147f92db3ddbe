"""Checks every file of every run, and puts aside those that are damaged."""

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
    """What a check found."""

    runs: int
    files: int
    """How many were looked at."""
    problems: tuple[str, ...]
    """One sentence for each thing that is damaged or missing, with what is lost by it."""
    set_aside: tuple[str, ...]
    """What became of damaged files: where each is now."""


def check_runs(root: str | Path) -> Checked:
    """Read every file of the runs under `root` whole, and rename what is damaged to `*.corrupt`.

    Files of a run that is being written are only told of: who writes it may be about to replace them.
    """
    store = open_store(root)
    runs = store.runs()
    files = 0
    problems: list[str] = []
    set_aside: list[str] = []
    for run in runs:
        try:
            found, damaged, told, live = attempt(store, run, _check)
        except KnowledgeError as error:
            problems.append(str(error))
            continue
        files += found
        problems += told
        for name in () if live else damaged:
            store.rename(run, name, name + CORRUPT)
            set_aside.append(store.location(run, name + CORRUPT))
    return Checked(len(runs), files, tuple(problems), tuple(set_aside))


def _check(files: Files) -> tuple[int, list[str], list[str], bool]:
    """How many files there are, the names of damaged ones, what to tell, and whether the run is live."""
    head = files.head()
    names = [*files.heads, *(file.name for file in files.files)]
    wrong = {name: sentence for name in names if (sentence := files.wrong_with(name)) is not None}
    content = Content(files, head)
    # What is lost by it depends on what else holds the same.
    for table in sorted({LOG, *(file.table for file in files.files if file.name in wrong)}):
        content.cover(table)
    told = dict.fromkeys(content.problems)
    for name, sentence in wrong.items():
        if not any(problem.startswith(files.location(name)) for problem in told):
            told[sentence] = None
    return len(files.names), list(wrong), list(told), files.live
