"""Names planners' classes so that every process finds them; one without a module travels by value."""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

from marskit.agents.sources import BY_VALUE, MAIN, newest_by_value
from marskit.errors import UserError
from marskit.plugins.base import Planner
from marskit.system.atomic_write import write_durably


class NotAPlanner(UserError):
    """A class that no other process can use as a planner; one sentence says why."""


def planner_name(planner: str | type[Planner]) -> str:
    """The name that `--planner` takes for a planner, which may be given as a class.

    A class of a file or a module is named after it. A class that was defined in a notebook's cell, in a
    script or in a function exists nowhere else, so cloudpickle writes it into a private folder of this
    program, which ends with it.

    Raises:
        NotAPlanner: It is no subclass of `marskit.Planner`, or cannot be taken to another process.
    """
    if isinstance(planner, str):
        return planner
    # The annotation is not what a person in a notebook passes.
    if not (isinstance(planner, type) and issubclass(planner, Planner)):  # type: ignore[redundant-expr]
        found = planner.__name__ if isinstance(planner, type) else f"a {type(planner).__name__}"
        raise NotAPlanner(
            f"The planner is {found}; give a name, FILE.py:CLASS or a subclass of marskit.Planner."
        )
    return _named(planner) or _carried(planner)


def _named(cls: type[Planner]) -> str | None:
    """The name of a class that another process can import; None for any other class."""
    module = sys.modules.get(cls.__module__)
    if cls.__module__ == MAIN or module is None or getattr(module, cls.__qualname__, None) is not cls:
        return None
    if "." in cls.__module__ or not (file := getattr(module, "__file__", None)):
        return f"{cls.__module__}:{cls.__qualname__}"
    # A notebook may have added the module's folder to its own path only.
    path, here = Path(file).resolve(), Path.cwd()
    return f"{path.relative_to(here) if path.is_relative_to(here) else path}:{cls.__qualname__}"


def _carried(cls: type[Planner]) -> str:
    try:
        import cloudpickle  # type: ignore[import-untyped] # it ships no types
    except ModuleNotFoundError:
        raise NotAPlanner(
            f"The class {cls.__name__} is in no file, and to take it to its process needs the extra "
            "notebook: pip install 'marskit[notebook]'."
        ) from None
    try:
        value: bytes = cloudpickle.dumps(cls)
    except Exception as error:
        why = " ".join(str(error).split()).rstrip(".")
        raise NotAPlanner(
            f"The class {cls.__name__} cannot be taken to its process: {why}; what it uses must not hold a "
            "lab, a file or a thread."
        ) from error
    folder = _folder()
    newest = newest_by_value(cls.__name__)
    if newest is None or newest.read_bytes() != value:
        # A new file: a planner that runs already may be restarted from its own.
        number = 1 if newest is None else int(newest.suffixes[0][1:]) + 1
        write_durably(folder / f"{cls.__name__}.{number:06}.pickle", value)
    return f"{MAIN}:{cls.__name__}"


def _folder() -> Path:
    """The private folder of this program, whose children inherit its name; made once."""
    if there := os.environ.get(BY_VALUE):
        return Path(there)
    folder = tempfile.mkdtemp(prefix="marskit-planners-")
    os.environ[BY_VALUE] = folder
    atexit.register(_remove, folder, os.getpid())
    return Path(folder)


def _remove(folder: str, owner: int) -> None:
    """Remove the folder, unless this is a fork of the program that made it."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
