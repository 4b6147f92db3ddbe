"""Which file and line an exception is to be blamed on."""

import os
import re
import sysconfig
import traceback
from collections.abc import Iterable
from pathlib import Path

_HERE = str(Path(__file__).resolve().parents[1])
_LIBRARY = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_FRAME = re.compile(r'^\s*File "([^"]*)", line (\d+)', re.MULTILINE)


def blamed(error: BaseException, own: str | None = None) -> str:
    """`FILE, line N`: where in a person's own code it came from.

    Args:
        error: What was raised.
        own: The folder of that person's code; None if it may be ours as well.

    Returns:
        Empty where it came out of none of that code.
    """
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return place(error.filename, error.lineno)
    frames = [(frame.filename, frame.lineno or 0) for frame in traceback.extract_tb(error.__traceback__)]
    return _choose(reversed(frames), own)


def blamed_in_dump(dump: str, own: str | None = None) -> str:
    """The same of what `faulthandler` wrote, which begins with the innermost call; empty without any."""
    return _choose(((name, int(line)) for name, line in _FRAME.findall(dump)), own)


def _choose(frames: Iterable[tuple[str, int]], own: str | None) -> str:
    """The innermost frame of a person's code, else the innermost of all."""
    found = [frame for frame in frames if not frame[0].startswith("<")]
    if own is not None:
        # An environment may lie in a person's folder, and a plug-in in an environment.
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
    """The file, as short as can be from here, and the line."""
    path, here = Path(name), Path.cwd()
    shown = path.relative_to(here) if path.is_relative_to(here) else path
    return f"{shown}, line {line}"
