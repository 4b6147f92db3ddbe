"""`marskit import`: a run that somebody exported, among one's own."""

import argparse
from pathlib import Path

from marskit.cli.options import add_runs


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("file", type=Path, metavar="FILE", help="what `export` wrote")
    add_runs(parser)


def run(parsed: argparse.Namespace) -> int:
    """Read the file into the runs.

    Raises:
        KnowledgeError: The file is damaged, or the run exists already.
    """
    from marskit.knowledge.care.sharing import import_run

    name = import_run(parsed.runs, parsed.file)
    print(f"run {name} is in {parsed.runs}; `marskit report {name}` tells its story")
    return 0
