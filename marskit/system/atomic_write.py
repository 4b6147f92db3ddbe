"""Writes files atomically and durably."""

import os
from pathlib import Path


def write_durably(path: Path, content: bytes) -> None:
    """Write `content` to `path` durably: a crash leaves the old file, the new one or none."""
    # Not *.parquet: dataset readers must not find half a file.
    unfinished = path.with_name(f".{path.name}.unfinished")
    with unfinished.open("wb", buffering=0) as file:
        rest = memoryview(content)
        while rest:
            rest = rest[file.write(rest) :]
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
