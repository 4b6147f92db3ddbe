"""`marskit import`: adds an exported run to the recorded runs."""

import argparse
from pathlib import Path

from marskit.cli.options import add_runs


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments and options."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a file that `export` wrote")
    add_runs(parser)


def run(parsed: argparse.Namespace) -> int:
    """Add the file's run to the recorded runs.

    Raises:
        KnowledgeError: The file is damaged, or the run exists already.
    """
    from marskit.knowledge.care.sharing import import_run

    name = import_run(parsed.runs, parsed.file)
    print(f"run {name} is in {parsed.runs}; see `marskit report {name}`")
    return 0
