"""What the names of a run's files say: which table, which batches of it, how many rows, and a checksum.

`workloads-000001-000064-r256-1a2b3c4d.parquet` holds the rows of that table from the first to the 64th batch.
A batch is what one append stored, mostly one cycle. The checksum is the CRC-32 of the file's bytes, so that
no second file and no second sync is needed to know whether a file is what was written.
"""

import re
import zlib
from dataclasses import dataclass

from marskit.knowledge.format.tables import TABLES

MERGED = 2048
"""A file of so many batches is never merged again; more would be too much to hold in memory at once."""

CORRUPT = ".corrupt"
"""Ends the names of files that were found damaged and put aside."""

_FILE = re.compile(r"([a-z]+)-(\d{6,})-(\d{6,})-r(\d+)-([0-9a-f]{8})\.parquet")
# Without a checksum it is of an early schema, and read to refuse it by its version.
_RUN_FILE = re.compile(r"_run(?:-r(\d+)-([0-9a-f]{8}))?\.parquet")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The batches that a file holds, first and last included."""

    first: int
    last: int

    @property
    def size(self) -> int:
        """How many batches it may hold."""
        return self.last - self.first + 1

    def holds(self, other: "Span") -> bool:
        """Whether all batches of `other` are in this one as well."""
        return self.first <= other.first and other.last <= self.last


@dataclass(frozen=True, slots=True)
class File:
    """One file of a table, by its name."""

    name: str
    table: str
    span: Span
    rows: int
    crc: int


def file_of(name: str) -> File | None:
    """The file of that name, or None where it is none of a table."""
    match = _FILE.fullmatch(name)
    if match is None or match[1] not in TABLES:
        return None
    return File(name, match[1], Span(int(match[2]), int(match[3])), int(match[4]), int(match[5], 16))


def named(table: str, span: Span, rows: int, content: bytes) -> File:
    """The file that this content is to be stored as."""
    crc = zlib.crc32(content)
    name = f"{table}-{span.first:06}-{span.last:06}-r{rows}-{crc:08x}.parquet"
    return File(name, table, span, rows, crc)


def run_file_name(content: bytes) -> str:
    """The name of the file that says what a run was; dataset readers leave it out for its underscore."""
    return f"_run-r1-{zlib.crc32(content):08x}.parquet"


def is_run_file(name: str) -> bool:
    """Whether that is a name of the file that says what a run was."""
    return _RUN_FILE.fullmatch(name) is not None


def crc_in(name: str) -> int | None:
    """The checksum that the name of a file tells, if it does."""
    match = _RUN_FILE.fullmatch(name)
    if match is not None:
        return int(match[2], 16) if match[2] else None
    file = file_of(name)
    return file.crc if file else None
