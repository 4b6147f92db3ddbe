"""`marskit export`: a recorded run in one file, to hand to others."""

import argparse
from pathlib import Path

from marskit.cli.options import add_run_name, add_runs


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add_run_name(parser)
    parser.add_argument("file", type=Path, metavar="FILE", help="such as spike.marskit; must not exist yet")
    add_runs(parser)


def run(parsed: argparse.Namespace) -> int:
    """Write the file.

    Raises:
        KnowledgeError: There is no such run, or it cannot be read or written.
    """
    from marskit.knowledge.care.sharing import export_run
    from marskit.knowledge.read.runs import find_run

    name = find_run(parsed.runs, parsed.name)
    export_run(parsed.runs, name, parsed.file)
    print(f"run {name} is in {parsed.file}")
    return 0
