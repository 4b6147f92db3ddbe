"""What the figures of a run depend on, as a hash: with the same one, a run need not be repeated."""

import hashlib
import platform
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import marskit
from marskit.agents.registry import PLANNERS
from marskit.compare.jobs import Job
from marskit.load.scenario import load_scenario

_WITHOUT = frozenset({"__pycache__", "node_modules"})
_FOLDER_OF_RUNS = "runs"
"""The one setting without influence on the figures."""
_COMPUTES = ("numpy", "numba")
"""Packages whose version may change the last digits."""


def is_own(job: Job) -> bool:
    """Whether the planner's code is all in this package, which `run_key` covers."""
    return job.settings.planner.partition(":")[0] in PLANNERS


def run_key(job: Job) -> str:
    """The hash of everything that decides the figures of a run on the twin.

    Raises:
        UserError: The scenario cannot be read.
        OSError: A manifest or the card cannot be read.
    """
    digest = hashlib.sha256(_code().encode())
    # A name alone does not say what is in the file, nor in the trace that it may name.
    digest.update(repr(replace(load_scenario(job.scenario), path=Path())).encode())
    for field in fields(job.settings):
        if field.name == _FOLDER_OF_RUNS:
            continue
        value = getattr(job.settings, field.name)
        digest.update(f"\n{field.name}=".encode())
        if field.name in ("manifests", "layers"):
            for place in value:
                _add(digest, place.parent, _files(place))
        elif isinstance(value, Path):
            _add(digest, value.parent, (value,))
        else:
            digest.update(repr(value).encode())
    return digest.hexdigest()


@cache
def _code() -> str:
    """The hash of the package, of the demo in it, and of what computes."""
    package = Path(marskit.__file__).parent
    digest = hashlib.sha256(repr((platform.python_version(), platform.machine())).encode())
    digest.update(repr([_version(name) for name in _COMPUTES]).encode())
    _add(digest, package, _files(package))
    return digest.hexdigest()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _files(place: Path) -> Iterator[Path]:
    if not place.is_dir():
        yield place
        return
    for entry in sorted(place.iterdir()):
        if entry.name not in _WITHOUT:
            yield from _files(entry)


def _add(digest: "hashlib._Hash", root: Path, files: Iterable[Path]) -> None:
    for file in files:
        content = file.read_bytes()
        # Lengths keep the end of one part apart from the beginning of the next.
        digest.update(f"\n{file.relative_to(root)} {len(content)}\n".encode())
        digest.update(content)
