"""`marskit planners`: lists the planners, or writes a file for one of your own."""

import argparse
from pathlib import Path

from marskit.cli.options import OptionError


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments and options."""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="new NAME",
        help="write a planner as a starting point; without it, list the planners",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE.py",
        help="with new: write to this file (default: named after the planner)",
    )


def run(parsed: argparse.Namespace) -> int:
    """List the planners, each with how it decides, or write a new one.

    Raises:
        OptionError: The arguments are not `new NAME`.
        UserError: The file cannot be written.
    """
    match parsed.words:
        case []:
            if parsed.out is not None:
                raise OptionError("--out goes with `marskit planners new NAME`")
            _list()
        case ["new", name]:
            from marskit.plugins.template import write_template

            chosen = write_template(name, parsed.out)
            print(f"Wrote {chosen.rpartition(':')[0]}. Run it with: marskit --planner {chosen}")
        case _:
            said = " ".join(parsed.words)
            raise OptionError(
                f"`marskit planners {said}` is not understood; write `marskit planners new NAME`"
            )
    return 0


def _list() -> None:
    from marskit.assembly.summaries import planner_summaries

    for name, summary in planner_summaries():
        print(f"{name:<12} {summary}")
