"""Where a planner that is not ours comes from, by its name alone: nothing of it is imported."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

GROUP = "marskit.planners"
"""The group of entry points by which an installed package offers planners."""


@dataclass(frozen=True, slots=True)
class Source:
    """A class in a file, or in a module that can be imported."""

    name: str
    """Of the class."""
    file: Path | None = None
    module: str | None = None
    """None where there is a file."""

    @property
    def where(self) -> str:
        """How messages call the file or module."""
        return str(self.file or self.module)


def source_of(name: str) -> Source | None:
    """What `FILE.py:CLASS` or `MODULE:CLASS` means; None for any other name."""
    place, _, cls = name.rpartition(":")
    if not place or not cls.isidentifier():
        return None
    if place.endswith(".py"):
        return Source(cls, file=Path(place))
    return Source(cls, module=place) if all(part.isidentifier() for part in place.split(".")) else None


@cache
def plugins() -> dict[str, Source]:
    """The planners that installed packages offer, by name; a package that offers nonsense is left out."""
    # Takes longer to import than everything else here, and is mostly not needed.
    from importlib.metadata import entry_points

    found = ((point.name, source_of(point.value)) for point in entry_points(group=GROUP))
    return {name: source for name, source in sorted(found) if source is not None}


def plugin_source(name: str) -> Source | None:
    """The class of the plug-in of that name; None when there is none."""
    return plugins().get(name)
