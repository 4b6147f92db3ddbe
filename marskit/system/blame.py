"""Finds the file and line in a user's code that an exception came from."""

import os
import re
import sysconfig
import traceback
from collections.abc import Iterable
from pathlib import Path

_HERE = str(Path(__file__).resolve().parents[1])
_LIBRARY = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_BY_VALUE = "<dynamic-code>"
"""The file of code that cloudpickle took to another process: a notebook's cell or a script."""
_FRAME = re.compile(r'^\s*File "([^"]*)", line (\d+)', re.MULTILINE)


def blamed(error: BaseException, own: str | None = None) -> str:
    """The place in a user's code that an exception came from.

    Args:
        error: The exception.
        own: The folder of the user's code; None if the place may also be in marskit's code.

    Returns:
        `FILE, line N`; empty if the exception did not come from the user's code.
    """
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return place(error.filename, error.lineno)
    frames = [(frame.filename, frame.lineno or 0) for frame in traceback.extract_tb(error.__traceback__)]
    return _choose(reversed(frames), own)


def blamed_in_dump(dump: str, own: str | None = None) -> str:
    """The same for a stack that `faulthandler` wrote, innermost call first; empty if there is none."""
    return _choose(((name, int(line)) for name, line in _FRAME.findall(dump)), own)


def _choose(frames: Iterable[tuple[str, int]], own: str | None) -> str:
    """The innermost frame in the user's code; without `own`, the innermost of all if there is none."""
    found = [frame for frame in frames if not frame[0].startswith("<") or frame[0] == _BY_VALUE]
    if own is not None:
        # The user's folder may contain a virtual environment, or be a plug-in's folder inside one.
        libraries = [folder for folder in (_HERE, *_LIBRARY) if not _within(f"{own}{os.sep}", folder)]
        for name, line in found:
            if _within(path := str(Path(name).resolve()), own) and not _within_any(path, libraries):
                return place(name, line)
    for name, line in found:
        if not _within_any(str(Path(name).resolve()), (_HERE, *_LIBRARY)):
            return place(name, line)
    return place(*found[0]) if found and own is None else ""


def _within_any(path: str, folders: Iterable[str]) -> bool:
    return any(_within(path, folder) for folder in folders)


def _within(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip(os.sep) + os.sep)


def place(name: str, line: int) -> str:
    """`FILE, line N`, with the file relative to the current folder if it is inside."""
    path, here = Path(name), Path.cwd()
    if name == _BY_VALUE:
        return f"line {line} of the cell or script"
    shown = path.relative_to(here) if path.is_relative_to(here) else path
    return f"{shown}, line {line}"
