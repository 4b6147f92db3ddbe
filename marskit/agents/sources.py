"""Where a user's planner comes from, by its name alone: none of its code is imported."""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

GROUP = "marskit.planners"
"""Entry-point group under which installed packages offer planners."""

MAIN = "__main__"
"""The module of classes that were defined in a notebook's cell or a script, and that travel by value."""
BY_VALUE = "MARSKIT_PLANNERS"
"""Environment variable with the folder of those classes, for the child processes."""
_PICKLE = ".pickle"


@dataclass(frozen=True, slots=True)
class Source:
    """A class in a file, or in a module that can be imported."""

    name: str
    """Name of the class."""
    file: Path | None = None
    """The file, for a class in a file."""
    module: str | None = None
    """The module, for a class in a module."""

    @property
    def by_value(self) -> bool:
        """Whether the file holds the class itself instead of its text."""
        return self.file is not None and self.file.suffix == _PICKLE

    @property
    def where(self) -> str:
        """The file or module as messages name it."""
        return MAIN if self.by_value else str(self.file or self.module)


def source_of(name: str) -> Source | None:
    """The class that `FILE.py:CLASS` or `MODULE:CLASS` names; None for any other name.

    `__main__:CLASS` is the newest class of that name that was written by value in this program or its parent.
    """
    place, _, cls = name.rpartition(":")
    if not place or not cls.isidentifier():
        return None
    if place == MAIN:
        newest = newest_by_value(cls)
        return None if newest is None else Source(cls, file=newest)
    if place.endswith(".py"):
        return Source(cls, file=Path(place))
    return Source(cls, module=place) if all(part.isidentifier() for part in place.split(".")) else None


def newest_by_value(cls: str) -> Path | None:
    """The file with the newest class of that name that travels by value; None if there is none."""
    folder = os.environ.get(BY_VALUE)
    return max(Path(folder).glob(f"{cls}.*{_PICKLE}"), default=None) if folder else None


@cache
def plugins() -> dict[str, Source]:
    """The planners that installed packages offer, by name; malformed entry points are left out."""
    # Imported late, because it is slow and rarely needed.
    from importlib.metadata import entry_points

    found = ((point.name, source_of(point.value)) for point in entry_points(group=GROUP))
    return {name: source for name, source in sorted(found) if source is not None}


def plugin_source(name: str) -> Source | None:
    """The class of the plug-in of that name; None if there is none."""
    return plugins().get(name)
