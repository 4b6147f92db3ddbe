"""`marskit runs`: lists, checks or prunes recorded runs."""

import argparse
import sys

from marskit.cli.keep import add_keep_options, keep_of
from marskit.cli.options import OptionError, add_runs
from marskit.system import exit_codes


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments and options."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--check", action="store_true", help="read every file completely and set damaged ones aside"
    )
    what.add_argument(
        "--prune", action="store_true", help="list the runs that would be removed; with --yes, remove them"
    )
    add_keep_options(parser, "with --prune: ")
    parser.add_argument("--yes", action="store_true", help="with --prune: remove the runs")
    add_runs(parser)


def run(parsed: argparse.Namespace) -> int:
    """List, check or prune runs; return 1 if a check finds damage.

    Raises:
        OptionError: Options cannot be combined.
        KnowledgeError: A run cannot be read or removed.
    """
    given = [
        name
        for name in ("--keep-days", "--keep-size", "--yes")
        if getattr(parsed, name[2:].replace("-", "_")) not in (None, False)
    ]
    if given and not parsed.prune:
        raise OptionError(f"{given[0]} needs --prune")
    if parsed.check:
        return _check(parsed)
    if parsed.prune:
        return _prune(parsed)
    return _list(parsed)


def _list(parsed: argparse.Namespace) -> int:
    from marskit.console.lines import print_lines, warn
    from marskit.console.report import runs_lines
    from marskit.knowledge.read.runs import list_runs

    listed = list_runs(parsed.runs)
    warn(listed.unreadable)
    if listed.runs:
        print_lines(runs_lines(listed.runs))
    else:
        print(f"{parsed.runs} contains no runs.")
    return 0


def _check(parsed: argparse.Namespace) -> int:
    from marskit.knowledge.care.checking import check_runs
    from marskit.text import plural

    checked = check_runs(parsed.runs)
    for sentence in checked.problems:
        print(f"marskit: {sentence}", file=sys.stderr)
    for place in checked.set_aside:
        print(f"set aside as {place}")
    verdict = plural(len(checked.problems), "problem") if checked.problems else "all intact"
    print(f"{plural(checked.files, 'file')} of {plural(checked.runs, 'run')}: {verdict}")
    return exit_codes.FAILED if checked.problems else 0


def _prune(parsed: argparse.Namespace) -> int:
    from marskit.knowledge.care.retention import prune
    from marskit.text import plural

    keep = keep_of(parsed)
    if keep is None:
        raise OptionError("--prune needs --keep-days or --keep-size to know what to keep")
    gone = prune(parsed.runs, keep, really=parsed.yes)
    for each in gone:
        print(f"{each.run}  {each.size_bytes / 1e6:.1f} MB")
    total = f"{plural(len(gone), 'run')}, {sum(each.size_bytes for each in gone) / 1e6:.1f} MB"
    if not gone:
        print("All runs are kept.")
    else:
        print(f"{total} removed" if parsed.yes else f"{total} would be removed; add --yes to remove them")
    return 0
