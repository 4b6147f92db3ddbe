"""Where runs lie: one folder of files a run, which are written once, whole, and never changed."""

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
        """How a person names it."""
        ...

    @property
    def scan_options(self) -> Mapping[str, str]:
        """What Polars needs to read a `location` by itself."""
        ...

    def begin(self, run: str) -> None:
        """Make room for a new run; raises `FileExistsError` where there is one of that id."""
        ...

    def runs(self) -> list[str]:
        """The ids of all runs, sorted, so the oldest first."""
        ...

    def names(self, run: str) -> list[str]:
        """The files of a run; none where there is no such run."""
        ...

    def stamp(self, run: str) -> object:
        """What is another one as soon as a file of the run came or went; None where nothing tells that."""
        ...

    def sizes(self, run: str) -> dict[str, int]:
        """The files of a run by name, with their bytes; empty where there is no such run."""
        ...

    def read(self, run: str, name: str) -> bytes:
        """The content of a file; raises `FileNotFoundError`."""
        ...

    def write(self, run: str, name: str, content: bytes) -> None:
        """Store a file at once and for good: a crash leaves all of it or none."""
        ...

    def remove(self, run: str, name: str) -> None:
        """Take a file away, if it is there."""
        ...

    def rename(self, run: str, old: str, new: str) -> None:
        """Give a file another name."""
        ...

    def remove_run(self, run: str) -> None:
        """Take a run away with all its files."""
        ...

    def take_in(self, run: str, contents: Mapping[str, bytes]) -> None:
        """Store a whole run at once; raises `FileExistsError` where there is one of that id."""
        ...

    def crc(self, run: str, name: str) -> int:
        """The CRC-32 of a file's bytes; raises `FileNotFoundError`."""
        ...

    def location(self, run: str, name: str) -> str:
        """The file's path or URL."""
        ...

    def hold(self, run: str) -> AbstractContextManager[object]:
        """Mark the run as being written for as long as it is entered, or this process lives."""
        ...

    def is_live(self, run: str) -> bool:
        """Whether somebody writes it now."""
        ...


def open_store(root: str | Path) -> Store:
    """The store in that folder, or behind that URL.

    Raises:
        KnowledgeError: It is a URL of a kind that is not known, or what it needs is not installed.
    """
    from marskit.knowledge.storage.files import LocalStore
    from marskit.knowledge.storage.object_store import ObjectStore

    if isinstance(root, str) and "://" in root:
        return ObjectStore(root)
    return LocalStore(Path(root))


def new_run(root: str | Path) -> str:
    """Begin a new run and return its id, which sorts by time and is nobody else's.

    Raises:
        KnowledgeError: Nothing can be stored there.
    """
    store = open_store(root)
    while True:
        run = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
        try:
            store.begin(run)
        except FileExistsError:
            continue
        return run
