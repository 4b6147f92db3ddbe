"""Where runs lie on disk, and how a file gets there whole or not at all."""

import os
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from marskit.knowledge.port import KnowledgeError

RUN_FILE = "_run.parquet"
"""Begins with an underscore so that readers of the whole dataset leave it out."""

_PART = re.compile(r"cycles-(\d+)-(\d+)\.parquet")


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """One file of cycles, named after the first and the last cycle in it."""

    first: int
    last: int

    @property
    def name(self) -> str:
        """Its file name."""
        return f"cycles-{self.first:06}-{self.last:06}.parquet"

    def holds(self, other: "Part") -> bool:
        """Whether all cycles of `other` are in this one as well."""
        return self.first <= other.first and other.last <= self.last


def part_of(path: Path) -> Part | None:
    """The part that a file is by its name, or None."""
    match = _PART.fullmatch(path.name)
    return Part(int(match[1]), int(match[2])) if match else None


def run_folder(root: Path, run: str) -> Path:
    """The folder of that run."""
    return root / f"run={run}"


def new_run(root: Path) -> str:
    """Make the folder of a new run and return its id, which sorts by time and is nobody else's.

    Raises:
        KnowledgeError: The folder cannot be made.
    """
    while True:
        run = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
        try:
            root.mkdir(parents=True, exist_ok=True)
            run_folder(root, run).mkdir()
        except FileExistsError as error:
            if not root.is_dir():
                raise KnowledgeError(f"Runs cannot be stored in {root}: it is not a folder.") from error
        except OSError as error:
            raise KnowledgeError(f"Runs cannot be stored in {root}: {error.strerror}.") from error
        else:
            return run


def write_durably(path: Path, content: bytes) -> None:
    """Put `content` into `path` at once and for good: a crash leaves the old file, the new one or none."""
    # Not *.parquet: nobody who reads the dataset may come across half a file.
    unfinished = path.with_name(f".{path.name}.unfinished")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
