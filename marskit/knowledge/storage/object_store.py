"""Runs in an object store, such as S3, through `obstore`. Needs the extra `objectstore`.

An object appears whole or not at all, and under its final name at once. Credentials and endpoint come
from the environment, as for any tool of the store: `AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL` and so on.
"""

import errno
import os
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from marskit.knowledge.format.tables import LOG
from marskit.knowledge.port import KnowledgeError

if TYPE_CHECKING:
    from obstore.store import ObjectStore as Objects

_WRITING = "_writing"
_AGAIN_S = 600.0
_LIVE_FOR = timedelta(seconds=3 * _AGAIN_S)
"""A writer renews its lease every ten minutes; half an hour after a kill it no longer counts as live."""


class ObjectStore:
    """Runs behind a URL, as `<url>/run=<id>/`."""

    def __init__(self, url: str) -> None:
        """Store the URL; a connection is made later.

        Raises:
            KnowledgeError: The URL's scheme is unknown, or the extra is not installed.
        """
        try:
            from obstore.exceptions import BaseError
            from obstore.store import from_url
        except ImportError as error:
            raise KnowledgeError(
                f"{url}: runs in an object store need the extra `objectstore`, which is not installed."
            ) from error
        self.place = url.rstrip("/")
        plain = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
        self.scan_options: Mapping[str, str] = {"aws_allow_http": "true"} if plain else {}
        try:
            self._objects: Objects = from_url(self.place, client_options={"allow_http": plain})
        except (BaseError, ValueError) as error:
            raise KnowledgeError(f"{url}: this is not an object store ({_first_line(error)}).") from error
        self._crcs: dict[tuple[str, str], int] = {}
        self._renewed_s: dict[str, float] = {}

    def begin(self, run: str) -> None:
        """See `Store`; there are no folders to make."""
        if self.sizes(run):
            raise FileExistsError(errno.EEXIST, "the run exists already", self.location(run, ""))

    def runs(self) -> list[str]:
        """See `Store`."""
        import obstore

        with self._as_os_errors():
            listed = obstore.list_with_delimiter(self._objects)
        names = (prefix.rstrip("/").rpartition("/")[2] for prefix in listed["common_prefixes"])
        return sorted(name.removeprefix("run=") for name in names if name.startswith("run="))

    def names(self, run: str) -> list[str]:
        """See `Store`."""
        return list(self.sizes(run))

    def stamp(self, run: str) -> None:
        """See `Store`; None, because only listing the objects would show a change."""

    def sizes(self, run: str) -> dict[str, int]:
        """See `Store`."""
        import obstore

        with self._as_os_errors():
            found = obstore.list(self._objects, prefix=f"run={run}").collect()
        named = ((each["path"].rpartition("/")[2], each["size"]) for each in found)
        return {name: size for name, size in named if name != _WRITING}

    def read(self, run: str, name: str) -> bytes:
        """See `Store`."""
        import obstore

        with self._as_os_errors():
            return bytes(obstore.get(self._objects, _path(run, name)).bytes())

    def write(self, run: str, name: str, content: bytes) -> None:
        """See `Store`."""
        import obstore

        with self._as_os_errors():
            obstore.put(self._objects, _path(run, name), content)
            renewed_s = self._renewed_s.get(run)
            if renewed_s is not None and time.monotonic() - renewed_s > _AGAIN_S:
                self._say(run)

    def remove(self, run: str, name: str) -> None:
        """See `Store`."""
        import obstore

        with self._as_os_errors():
            obstore.delete(self._objects, _path(run, name))

    def rename(self, run: str, old: str, new: str) -> None:
        """See `Store`."""
        import obstore

        with self._as_os_errors():
            obstore.rename(self._objects, _path(run, old), _path(run, new))

    def remove_run(self, run: str) -> None:
        """See `Store`; the run's description goes last, so that an interrupted removal can be repeated."""
        import obstore

        names = sorted(self.sizes(run), reverse=True)
        with self._as_os_errors():
            obstore.delete(self._objects, [_path(run, name) for name in (*names, _WRITING)])

    def take_in(self, run: str, contents: Mapping[str, bytes]) -> None:
        """See `Store`; the log goes second to last and the description last, which makes the run visible."""
        self.begin(run)
        try:
            for name in sorted(contents, key=lambda name: (name[0] == "_", name.startswith(LOG))):
                self.write(run, name, contents[name])
        except OSError:
            self.remove_run(run)
            raise

    def crc(self, run: str, name: str) -> int:
        """See `Store`; an object never changes under its name, so it is not read again."""
        import obstore

        if (run, name) not in self._crcs:
            crc = 0
            with self._as_os_errors():
                for chunk in obstore.get(self._objects, _path(run, name)):
                    crc = zlib.crc32(chunk, crc)
            self._crcs[run, name] = crc
        return self._crcs[run, name]

    def location(self, run: str, name: str) -> str:
        """See `Store`."""
        return f"{self.place}/{_path(run, name)}"

    @contextmanager
    def hold(self, run: str) -> Iterator[None]:
        """See `Store`."""
        with self._as_os_errors():
            self._say(run)
        try:
            yield
        finally:
            del self._renewed_s[run]
            self.remove(run, _WRITING)

    def is_live(self, run: str) -> bool:
        """See `Store`; a killed writer counts as live for half an hour."""
        import obstore

        try:
            with self._as_os_errors():
                renewed = obstore.head(self._objects, _path(run, _WRITING))["last_modified"]
        except FileNotFoundError:
            return False
        return datetime.now(UTC) - renewed < _LIVE_FOR

    def _say(self, run: str) -> None:
        import obstore

        obstore.put(self._objects, _path(run, _WRITING), b"")
        self._renewed_s[run] = time.monotonic()

    @contextmanager
    def _as_os_errors(self) -> Iterator[None]:
        """Raise failures of the store as those of a file system."""
        from obstore.exceptions import BaseError, NotFoundError

        try:
            yield
        except (NotFoundError, FileNotFoundError) as error:
            raise FileNotFoundError(errno.ENOENT, "the object does not exist", self.place) from error
        except BaseError as error:
            raise OSError(
                errno.EIO, f"the object store cannot be used ({_first_line(error)})", self.place
            ) from error


def _path(run: str, name: str) -> str:
    return f"run={run}/{name}"


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0].rstrip(".")
