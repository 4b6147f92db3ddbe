"""`marskit export`: writes a recorded run into one file, to share it."""

import argparse
from pathlib import Path

from marskit.cli.options import add_run_name, add_runs


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments and options."""
    add_run_name(parser)
    parser.add_argument("file", type=Path, metavar="FILE", help="a new file, such as spike.marskit")
    add_runs(parser)


def run(parsed: argparse.Namespace) -> int:
    """Write the file.

    Raises:
        KnowledgeError: The run does not exist, or cannot be read or written.
    """
    from marskit.knowledge.care.sharing import export_run
    from marskit.knowledge.read.runs import find_run

    name = find_run(parsed.runs, parsed.name)
    export_run(parsed.runs, name, parsed.file)
    print(f"run {name} is in {parsed.file}")
    return 0
