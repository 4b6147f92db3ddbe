"""`marskit report`: the story of a recorded run."""

import argparse
import shutil

from marskit.cli.options import add_run_name, add_runs


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add_run_name(parser)
    add_runs(parser)


def run(parsed: argparse.Namespace) -> int:
    """Print the report, and name what of the run cannot be read.

    Raises:
        KnowledgeError: There is no such run, or nothing of it can be read.
    """
    from marskit.console.lines import print_lines, warn
    from marskit.console.report import report_lines
    from marskit.knowledge.read.runs import find_run, load_run

    stored = load_run(parsed.runs, find_run(parsed.runs, parsed.name))
    warn(stored.unreadable)
    print_lines(report_lines(stored, width=shutil.get_terminal_size().columns))
    return 0
