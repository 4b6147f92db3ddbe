"""Options on how many recorded runs are kept, shared by `run` and `runs`."""

import argparse
from typing import TYPE_CHECKING

from marskit.cli.options import OptionError

if TYPE_CHECKING:
    from marskit.knowledge.care.retention import Keep


def add_keep_options(to: argparse._ActionsContainer, when: str) -> None:
    """Add the options that `keep_of` reads; `when` begins their help."""
    to.add_argument("--keep-days", type=float, metavar="N", help=f"{when}keep the runs of the last N days")
    to.add_argument(
        "--keep-size", metavar="SIZE", help=f"{when}keep the newest runs that fit, such as 500MB or 2GB"
    )


def keep_of(parsed: argparse.Namespace) -> "Keep | None":
    """Read how much to keep; None for everything.

    Raises:
        OptionError: A value is not a valid number of days, or not a valid size.
    """
    if parsed.keep_days is None and parsed.keep_size is None:
        return None
    from marskit.knowledge.care.retention import Keep, parse_size

    # Written so that NaN is refused too.
    if parsed.keep_days is not None and not 0 < parsed.keep_days < 36500:
        raise OptionError(f"--keep-days is {parsed.keep_days:g}; it must be above 0 and below 36500")
    size_bytes = None
    if parsed.keep_size is not None:
        try:
            size_bytes = parse_size(parsed.keep_size)
        except (ValueError, OverflowError):
            raise OptionError(
                f"--keep-size is {parsed.keep_size!r}; it must be a number with KB, MB, GB or TB, such as 2GB"
            ) from None
    return Keep(parsed.keep_days, size_bytes)
