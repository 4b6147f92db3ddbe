"""`marskit report`: reports on a recorded run."""

import argparse
import shutil

from marskit.cli.options import add_run_name, add_runs


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments and options."""
    add_run_name(parser)
    add_runs(parser)


def run(parsed: argparse.Namespace) -> int:
    """Print the report, with a warning for each file that cannot be read.

    Raises:
        KnowledgeError: The run does not exist, or none of its files can be read.
    """
    from marskit.console.lines import print_lines, warn
    from marskit.console.report import report_lines
    from marskit.knowledge.read.runs import find_run, load_run

    stored = load_run(parsed.runs, find_run(parsed.runs, parsed.name))
    warn(stored.unreadable)
    print_lines(report_lines(stored, width=shutil.get_terminal_size().columns))
    return 0
