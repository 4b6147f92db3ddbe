"""The commands that look after recorded runs: list, check, prune, export and import them."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from marskit.assembly.settings import SettingsError
from marskit.system import exit_codes

if TYPE_CHECKING:
    from marskit.knowledge.care.retention import Keep


def add_runs_options(runs: argparse.ArgumentParser) -> None:
    """What `marskit runs` takes besides the folder."""
    runs.set_defaults(run=_runs)
    what = runs.add_mutually_exclusive_group()
    what.add_argument(
        "--check", action="store_true", help="read every file whole and put aside those that are damaged"
    )
    what.add_argument(
        "--prune", action="store_true", help="list the runs that are not to be kept; with --yes, remove them"
    )
    add_keep_options(runs, "with --prune: ")
    runs.add_argument("--yes", action="store_true", help="with --prune: really remove them")


def add_keep_options(to: argparse._ActionsContainer, when: str) -> None:
    """How much is kept; see `keep_of`."""
    to.add_argument("--keep-days", type=float, metavar="N", help=f"{when}keep the runs of so many days")
    to.add_argument(
        "--keep-size", metavar="SIZE", help=f"{when}keep the newest runs that fit, such as 500MB or 2GB"
    )


def keep_of(parsed: argparse.Namespace) -> "Keep | None":
    """How much is to be kept; None is everything.

    Raises:
        SettingsError: It is no number of days, or no size.
    """
    if parsed.keep_days is None and parsed.keep_size is None:
        return None
    from marskit.knowledge.care.retention import Keep, parse_size

    # Not "not above": what is no number is neither.
    if parsed.keep_days is not None and not 0 < parsed.keep_days < 36500:
        raise SettingsError(f"--keep-days is {parsed.keep_days:g}; it must be above 0 and below 36500")
    size_bytes = None
    if parsed.keep_size is not None:
        try:
            size_bytes = parse_size(parsed.keep_size)
        except (ValueError, OverflowError):
            raise SettingsError(
                f"--keep-size is {parsed.keep_size!r}; it must be a number with KB, MB, GB or TB, such as 2GB"
            ) from None
    return Keep(parsed.keep_days, size_bytes)


def add_export_options(export: argparse.ArgumentParser) -> None:
    """What `marskit export` takes besides the folder."""
    export.set_defaults(run=_export)
    export.add_argument("name", metavar="RUN", help="its id, the beginning of it, or `last`")
    export.add_argument(
        "file", type=Path, metavar="FILE", help="such as spike.marskit; must not be there yet"
    )


def add_import_options(importing: argparse.ArgumentParser) -> None:
    """What `marskit import` takes besides the folder."""
    importing.set_defaults(run=_import)
    importing.add_argument("file", type=Path, metavar="FILE", help="what `export` wrote")


def _runs(parsed: argparse.Namespace) -> int:
    from marskit.knowledge.port import KnowledgeError

    given = [
        name
        for name in ("--keep-days", "--keep-size", "--yes")
        if getattr(parsed, name[2:].replace("-", "_")) not in (None, False)
    ]
    if given and not parsed.prune:
        raise SettingsError(f"{given[0]} needs --prune")
    try:
        if parsed.check:
            return _check(parsed)
        if parsed.prune:
            return _prune(parsed)
    except KnowledgeError as error:
        raise SettingsError(str(error)) from error
    from marskit.cli.offline import print_runs

    print_runs(parsed.runs)
    return 0


def _check(parsed: argparse.Namespace) -> int:
    from marskit.knowledge.care.checking import check_runs
    from marskit.text import plural

    checked = check_runs(parsed.runs)
    for sentence in checked.problems:
        print(f"marskit: {sentence}", file=sys.stderr)
    for place in checked.set_aside:
        print(f"put aside as {place}")
    verdict = plural(len(checked.problems), "problem") if checked.problems else "all as they were written"
    print(f"{plural(checked.files, 'file')} of {plural(checked.runs, 'run')}: {verdict}")
    return exit_codes.FAILED if checked.problems else 0


def _prune(parsed: argparse.Namespace) -> int:
    from marskit.knowledge.care.retention import prune
    from marskit.text import plural

    keep = keep_of(parsed)
    if keep is None:
        raise SettingsError("--prune needs --keep-days or --keep-size to know what to keep")
    gone = prune(parsed.runs, keep, really=parsed.yes)
    for each in gone:
        print(f"{each.run}  {each.size_bytes / 1e6:.1f} MB")
    total = f"{plural(len(gone), 'run')}, {sum(each.size_bytes for each in gone) / 1e6:.1f} MB"
    if not gone:
        print("All runs are kept.")
    else:
        print(f"{total} removed" if parsed.yes else f"{total} would go; add --yes to remove them")
    return 0


def _export(parsed: argparse.Namespace) -> int:
    from marskit.knowledge.care.sharing import export_run
    from marskit.knowledge.port import KnowledgeError
    from marskit.knowledge.read.runs import find_run

    try:
        run = find_run(parsed.runs, parsed.name)
        export_run(parsed.runs, run, parsed.file)
    except KnowledgeError as error:
        raise SettingsError(str(error)) from error
    print(f"run {run} is in {parsed.file}")
    return 0


def _import(parsed: argparse.Namespace) -> int:
    from marskit.knowledge.care.sharing import import_run
    from marskit.knowledge.port import KnowledgeError

    try:
        run = import_run(parsed.runs, parsed.file)
    except KnowledgeError as error:
        raise SettingsError(str(error)) from error
    print(f"run {run} is in {parsed.runs}; `report {run}` tells its story")
    return 0
