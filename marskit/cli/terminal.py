"""Whether the terminal can show the screen, judged before anything starts."""

import argparse
import codecs
import os
import shutil
import sys

from marskit.cli.options import OptionError

COLUMNS, ROWS = 60, 16
"""The smallest window in which every panel has room for something to read."""
_BARE = ("dumb", "unknown", "network", "dialup", "lpr")
"""Names of terminals without cursor movement, for systems whose terminfo lacks them."""


def add_screen(parser: argparse.ArgumentParser) -> None:
    """Add the options of the screen."""
    screen = parser.add_argument_group("screen")
    screen.add_argument(
        "--theme",
        choices=("night", "day"),
        help="colours for a dark or a light room (default: the last one chosen on the screen)",
    )
    screen.add_argument("--calm", action="store_true", help="draw at most once a second, for thin links")


def check_terminal(instead: str) -> None:
    """Refuse a terminal that cannot show the screen.

    Args:
        instead: What to do without a screen, as the end of a sentence.

    Raises:
        OptionError: There is no terminal, or it cannot move its cursor, write UTF-8 or hold the screen.
    """
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise OptionError(f"The screen needs a terminal for input, output and errors; without one, {instead}")
    name = os.environ.get("TERM", "")
    if not moves_cursor(name):
        shown = f"TERM is {name}, which has no ANSI cursor movement" if name else "TERM is not set"
        raise OptionError(f"The screen cannot be drawn: {shown}; use another terminal, or {instead}")
    if not is_utf8(encoding := sys.stderr.encoding):
        raise OptionError(
            f"The screen needs UTF-8, and the output's encoding is {encoding}; "
            f"set LC_ALL=C.UTF-8, or {instead}"
        )
    # As Textual measures it: a terminal that does not know its size counts as 80 x 24.
    columns, rows = shutil.get_terminal_size()
    if columns < COLUMNS or rows < ROWS:
        raise OptionError(
            f"The screen needs {COLUMNS} columns and {ROWS} rows, and this window has {columns} and {rows}; "
            f"enlarge it, or {instead}"
        )


def moves_cursor(name: str) -> bool:
    """Whether that terminal understands ANSI cursor movement; one that terminfo lacks is trusted."""
    if not name or name in _BARE:
        return False
    try:
        import curses
    except ImportError:
        return True
    try:
        curses.setupterm(name, 2)
    except curses.error:
        return True
    # Textual writes ANSI sequences and nothing else.
    return (curses.tigetstr("cup") or b"").startswith(b"\x1b[")


def is_utf8(encoding: str) -> bool:
    """Whether text in that encoding can hold the characters of the screen."""
    try:
        return codecs.lookup(encoding).name == "utf-8"
    except LookupError:
        return False
