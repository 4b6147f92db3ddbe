"""The course as a folder to hand out, and JupyterLab on it."""

import os
import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from marskit.errors import UserError

_NOTEBOOKS = Path(__file__).with_name("notebooks")
"""In a checkout this is a link to the repository's folder; a wheel contains a copy of it."""
SETTINGS = ".jupyter"
"""The folder of JupyterLab's settings: Markdown is opened as a notebook."""
FIRST = "00-tour.md"
_HOST = "127.0.0.1"
_NEEDED = ("jupyterlab", "jupytext", "ipykernel", "anywidget")
_KINDS = frozenset({".md", ".json"})
"""What belongs to the course; whoever works in a checkout leaves other files there."""
_OF_RUNS = frozenset({"runs", ".ipynb_checkpoints"})
_FOR_INSTRUCTORS = frozenset({"solutions", "INSTRUCTOR.md", "Containerfile"})


class HandoutError(UserError):
    """The course cannot be written or opened; the message is one sentence for a person."""


def write(folder: Path, *, for_instructors: bool = False) -> None:
    """Write the course into a folder that is new or empty.

    Args:
        folder: The folder.
        for_instructors: Whether solutions, the guide and the image's Containerfile are written too.

    Raises:
        HandoutError: The folder holds something, or cannot be written.
    """
    source = _NOTEBOOKS.resolve()
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise HandoutError(
                f"{folder} is not an empty folder; the course is written to an empty or new one."
            )
        for file in _files(source, _OF_RUNS if for_instructors else _OF_RUNS | _FOR_INSTRUCTORS):
            target = folder / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    except OSError as error:
        raise HandoutError(f"{error.filename or folder} cannot be written: {error.strerror}.") from error


def is_course(folder: Path) -> bool:
    """Whether the course, or a part of it, is in that folder."""
    return (folder / SETTINGS).is_dir()


def open_lab(folder: Path, *, port: int, browser: bool = True) -> NoReturn:
    """Become JupyterLab on that folder, which only this machine can reach.

    Args:
        folder: A folder with the course.
        port: A port of this machine; the next free one is taken if it is not free.
        browser: Whether a browser is opened.

    Raises:
        HandoutError: JupyterLab or the extra `notebook` is not installed.
    """
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise HandoutError(
            f"JupyterLab needs the extra notebook ({missing[0]} is missing): pip install 'marskit[notebook]'."
        )
    folder = folder.absolute()
    searched = (str(folder / SETTINGS), os.environ.get("JUPYTER_CONFIG_PATH", ""))
    environment = {**os.environ, "JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, searched))}
    options = [f"--ip={_HOST}", f"--port={port}", f"--ServerApp.root_dir={folder}"]
    if (folder / FIRST).is_file():
        options.append(f"--LabApp.default_url=/lab/tree/{FIRST}")
    if not browser:
        options.append("--no-browser")
    if os.geteuid() == 0:
        options.append("--allow-root")  # As in most containers; nobody else's machine can reach it.
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", "jupyterlab", *options], environment)


def _files(folder: Path, left_out: frozenset[str]) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name in left_out:
            continue
        if entry.is_dir():
            yield from _files(entry, left_out)
        elif entry.suffix in _KINDS or entry.name == "Containerfile":
            yield entry
