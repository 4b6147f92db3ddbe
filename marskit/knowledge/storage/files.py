"""Runs in a local folder, with atomic writes."""

import errno
import fcntl
import os
import shutil
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from marskit.knowledge.port import KnowledgeError
from marskit.system.atomic_write import sync_folder, write_durably

_LOCK = ".writing"
_CHUNK = 1 << 20
_SETTLED_NS = 2_000_000_000


class LocalStore:
    """Runs under one folder, as `<root>/run=<id>/`."""

    scan_options: Mapping[str, str] = {}

    def __init__(self, root: Path) -> None:
        self._root = root
        self._beginning = str(run_folder(root, ""))
        self._crcs: dict[tuple[str, str, int, int, int], int] = {}

    @property
    def place(self) -> str:
        """The folder."""
        return str(self._root)

    def begin(self, run: str) -> None:
        """Make the run's folder.

        Raises:
            FileExistsError: The run exists already.
            KnowledgeError: The folder cannot be made.
        """
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            run_folder(self._root, run).mkdir()
        except FileExistsError as error:
            if self._root.is_dir():
                raise
            raise KnowledgeError(f"Runs cannot be stored in {self._root}: it is not a folder.") from error
        except OSError as error:
            raise KnowledgeError(f"Runs cannot be stored in {self._root}: {error.strerror}.") from error

    def runs(self) -> list[str]:
        """See `Store`."""
        try:
            with os.scandir(self._root) as found:
                return sorted(run.name.removeprefix("run=") for run in found if run.name.startswith("run="))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def names(self, run: str) -> list[str]:
        """See `Store`; names that begin with a dot are internal."""
        try:
            with os.scandir(self._place(run)) as found:
                return [file.name for file in found if file.name[0] != "."]
        except FileNotFoundError:
            return []

    def stamp(self, run: str) -> tuple[int, int] | None:
        """See `Store`; very recent changes may be followed by another within the same clock tick."""
        try:
            found = Path(self._place(run)).stat()
        except FileNotFoundError:
            return None
        settled = time.time_ns() - found.st_mtime_ns > _SETTLED_NS
        return (found.st_ino, found.st_mtime_ns) if settled else None

    def sizes(self, run: str) -> dict[str, int]:
        """See `Store`."""
        return {name: self._path(run, name).lstat().st_size for name in self.names(run)}

    def read(self, run: str, name: str) -> bytes:
        """See `Store`."""
        return self._path(run, name).read_bytes()

    def write(self, run: str, name: str, content: bytes) -> None:
        """See `Store`."""
        write_durably(self._path(run, name), content)

    def remove(self, run: str, name: str) -> None:
        """See `Store`."""
        self._path(run, name).unlink(missing_ok=True)

    def rename(self, run: str, old: str, new: str) -> None:
        """See `Store`."""
        self._path(run, old).rename(self._path(run, new))
        sync_folder(run_folder(self._root, run))

    def remove_run(self, run: str) -> None:
        """See `Store`; after an interruption nothing looks like a run, and the next removal finishes."""
        folder = run_folder(self._root, run)
        going = folder.with_name(f".{folder.name}.removed")
        shutil.rmtree(going, ignore_errors=True)
        folder.rename(going)
        sync_folder(self._root)
        for left in self._root.glob(".run=*.removed"):
            # Another process may be removing it.
            shutil.rmtree(left, ignore_errors=left != going)

    def take_in(self, run: str, contents: Mapping[str, bytes]) -> None:
        """See `Store`; the folder gets its name once it is complete."""
        self._root.mkdir(parents=True, exist_ok=True)
        folder = run_folder(self._root, run)
        if folder.exists():
            raise FileExistsError(errno.EEXIST, "the run exists already", str(folder))
        coming = folder.with_name(f".{folder.name}.coming")
        shutil.rmtree(coming, ignore_errors=True)
        coming.mkdir()
        try:
            for name, content in contents.items():
                write_durably(coming / name, content)
            coming.rename(folder)
        except OSError:
            shutil.rmtree(coming, ignore_errors=True)
            raise
        sync_folder(self._root)

    def crc(self, run: str, name: str) -> int:
        """See `Store`; an unchanged file is not read again."""
        path = self._path(run, name)
        found = path.stat()
        key = run, name, found.st_size, found.st_mtime_ns, found.st_ino
        if key not in self._crcs:
            crc = 0
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    crc = zlib.crc32(chunk, crc)
            self._crcs[key] = crc
        return self._crcs[key]

    def location(self, run: str, name: str) -> str:
        """See `Store`."""
        return f"{self._place(run)}/{name}"

    @contextmanager
    def hold(self, run: str) -> Iterator[None]:
        """See `Store`; the kernel releases the lock with the process, however it ends."""
        with self._path(run, _LOCK).open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # The folder's own name becomes durable with the run's first file.
            sync_folder(self._root)
            yield

    def is_live(self, run: str) -> bool:
        """See `Store`."""
        try:
            with self._path(run, _LOCK).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def _place(self, run: str) -> str:
        # Called for every file of every run, which is too often for a `Path`.
        return f"{self._beginning}{run}"

    def _path(self, run: str, name: str) -> Path:
        return Path(self.location(run, name))


def run_folder(root: Path, run: str) -> Path:
    """The folder of that run."""
    return root / f"run={run}"
