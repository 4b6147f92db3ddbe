"""The names of a run's files: they contain the table, its batches, the number of rows, and a checksum.

`workloads-000001-000064-r256-1a2b3c4d.parquet` holds the rows of that table from the first to the 64th batch.
A batch is the result of one append, usually one cycle. The checksum is the CRC-32 of the file's bytes, so
that neither a second file nor a second sync is needed to verify a file.
"""

import re
import zlib
from dataclasses import dataclass

from marskit.knowledge.format.tables import TABLES

MERGED = 2048
"""Number of batches above which files are not merged any more, to limit memory."""

CORRUPT = ".corrupt"
"""Suffix of damaged files that were set aside."""

_FILE = re.compile(r"([a-z]+)-(\d{6,})-(\d{6,})-r(\d+)-([0-9a-f]{8})\.parquet")
# Without a checksum it is of an early schema, and read to refuse it by its version.
_RUN_FILE = re.compile(r"_run(?:-r(\d+)-([0-9a-f]{8}))?\.parquet")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A range of batches, first and last included."""

    first: int
    last: int

    @property
    def size(self) -> int:
        """Number of batches in the range."""
        return self.last - self.first + 1

    def holds(self, other: "Span") -> bool:
        """Whether this range contains all batches of `other`."""
        return self.first <= other.first and other.last <= self.last


@dataclass(frozen=True, slots=True)
class File:
    """One file of a table, as described by its name."""

    name: str
    table: str
    span: Span
    rows: int
    crc: int


def file_of(name: str) -> File | None:
    """The file of that name, or None if the name is not a table file's."""
    match = _FILE.fullmatch(name)
    if match is None or match[1] not in TABLES:
        return None
    return File(name, match[1], Span(int(match[2]), int(match[3])), int(match[4]), int(match[5], 16))


def named(table: str, span: Span, rows: int, content: bytes) -> File:
    """The file under which to store this content."""
    crc = zlib.crc32(content)
    name = f"{table}-{span.first:06}-{span.last:06}-r{rows}-{crc:08x}.parquet"
    return File(name, table, span, rows, crc)


def run_file_name(content: bytes) -> str:
    """The name of the file that describes a run; its underscore makes dataset readers skip it."""
    return f"_run-r1-{zlib.crc32(content):08x}.parquet"


def is_run_file(name: str) -> bool:
    """Whether that is a name of the file that describes a run."""
    return _RUN_FILE.fullmatch(name) is not None


def crc_in(name: str) -> int | None:
    """The checksum in the name of a file, if there is one."""
    match = _RUN_FILE.fullmatch(name)
    if match is not None:
        return int(match[2], 16) if match[2] else None
    file = file_of(name)
    return file.crc if file else None
