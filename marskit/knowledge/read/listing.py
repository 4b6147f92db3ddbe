"""The files and descriptions of many runs; unchanged ones are not read again."""

import contextlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from marskit.knowledge.format.file_names import crc_in
from marskit.knowledge.port import KnowledgeError
from marskit.knowledge.read.reading import HEAD_COLUMNS, Files, Head, attempt, head_of
from marskit.knowledge.storage.store import Store

T = TypeVar("T")
_Key = tuple[str, tuple[str, ...]]

_FEW, _MANY = 8, 256
"""The first runs are read a few at a time: a caller that wants the newest ones may stop there."""


class Listing:
    """The present content of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._files: dict[str, tuple[object, Files]] = {}
        self._heads: dict[_Key, Head] = {}

    def each(self, runs: Sequence[str], read: Callable[[Files, Head], T]) -> Iterator[T | KnowledgeError]:
        """What `read` returns for each run's files, in this order, or the error.

        As with `attempt`, `read` is called again if files were merged while it read.
        """
        start, size = 0, _FEW
        while start < len(runs):
            looked = [self._look(run) for run in runs[start : start + size]]
            self._learn(looked)
            for files in looked:
                try:
                    yield self._read(files, read)
                except KnowledgeError as error:
                    yield error
            start, size = start + size, min(_MANY, 2 * size)

    def _read(self, files: Files, read: Callable[[Files, Head], T]) -> T:
        try:
            return read(files, self._head(files))
        except FileNotFoundError:
            self._files.pop(files.run, None)
            return attempt(self._store, files.run, lambda again: read(again, self._head(again)))

    def _look(self, run: str) -> Files:
        stamp = self._store.stamp(run)
        known = self._files.get(run)
        if known is not None and stamp == known[0]:
            return known[1]
        files = Files(self._store, run)
        if stamp is not None and not files.live:
            self._files[run] = stamp, files
        return files

    def _head(self, files: Files) -> Head:
        """A file's name identifies its content, so nothing is read twice."""
        key = _key(files)
        if key not in self._heads or not any(map(crc_in, files.heads)):
            self._heads[key] = files.head()
        return self._heads[key]

    def _learn(self, looked: Iterable[Files]) -> None:
        """Read the descriptions of these runs, all at once; problems are left to `_head`."""
        import polars as pl

        found: dict[_Key, bytes] = {}
        for files in looked:
            if len(files.heads) == 1 and (crc := crc_in(files.heads[0])) is not None:
                key = _key(files)
                if key not in self._heads:
                    with contextlib.suppress(FileNotFoundError):
                        content = self._store.read(files.run, files.heads[0])
                        if zlib.crc32(content) == crc:
                            found[key] = content
        if len(found) < 2:
            return
        try:
            heads = pl.read_parquet(list(found.values()), columns=list(HEAD_COLUMNS))
        except pl.exceptions.PolarsError:
            return
        if heads.height == len(found):
            for key, row in zip(found, heads.iter_rows(), strict=True):
                with contextlib.suppress(KnowledgeError):
                    self._heads[key] = head_of(row, self._store.location(key[0], key[1][0]))


def _key(files: Files) -> _Key:
    return files.run, tuple(files.heads)
