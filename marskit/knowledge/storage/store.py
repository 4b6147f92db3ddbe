"""The store of runs: one folder of files per run; files are written once, whole, and never changed."""

import secrets
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol


class Store(Protocol):
    """A place for the files of many runs; every method may raise `OSError`."""

    @property
    def place(self) -> str:
        """The name of the store for people."""
        ...

    @property
    def scan_options(self) -> Mapping[str, str]:
        """Options that Polars needs to read a `location`."""
        ...

    def begin(self, run: str) -> None:
        """Make a new run; raises `FileExistsError` if the id exists."""
        ...

    def runs(self) -> list[str]:
        """The ids of all runs, sorted, so the oldest first."""
        ...

    def names(self, run: str) -> list[str]:
        """The files of a run; none if the run does not exist."""
        ...

    def stamp(self, run: str) -> object:
        """A value that changes as soon as a file of the run comes or goes; None if the store has none."""
        ...

    def sizes(self, run: str) -> dict[str, int]:
        """The sizes of a run's files in bytes, by name; empty if the run does not exist."""
        ...

    def read(self, run: str, name: str) -> bytes:
        """The content of a file; raises `FileNotFoundError`."""
        ...

    def write(self, run: str, name: str, content: bytes) -> None:
        """Store a file durably: a crash leaves all of it or none."""
        ...

    def remove(self, run: str, name: str) -> None:
        """Remove a file, if it exists."""
        ...

    def rename(self, run: str, old: str, new: str) -> None:
        """Rename a file."""
        ...

    def remove_run(self, run: str) -> None:
        """Remove a run with all its files."""
        ...

    def take_in(self, run: str, contents: Mapping[str, bytes]) -> None:
        """Store a whole run at once; raises `FileExistsError` if the id exists."""
        ...

    def crc(self, run: str, name: str) -> int:
        """The CRC-32 of a file's bytes; raises `FileNotFoundError`."""
        ...

    def location(self, run: str, name: str) -> str:
        """The file's path or URL."""
        ...

    def hold(self, run: str) -> AbstractContextManager[object]:
        """Mark the run as being written, until the context ends or the process does."""
        ...

    def is_live(self, run: str) -> bool:
        """Whether the run is being written now."""
        ...


def open_store(root: str | Path) -> Store:
    """The store in that folder, or at that URL.

    Raises:
        KnowledgeError: The URL's scheme is unknown, or a required package is not installed.
    """
    from marskit.knowledge.storage.files import LocalStore
    from marskit.knowledge.storage.object_store import ObjectStore

    if isinstance(root, str) and "://" in root:
        return ObjectStore(root)
    return LocalStore(Path(root))


def new_run(root: str | Path) -> str:
    """Begin a new run and return its unique id, which sorts by time.

    Raises:
        KnowledgeError: The store cannot be written to.
    """
    store = open_store(root)
    while True:
        run = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
        try:
            store.begin(run)
        except FileExistsError:
            continue
        return run
