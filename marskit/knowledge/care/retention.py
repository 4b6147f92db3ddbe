"""Removes runs beyond a limit: the oldest first, and never one that is being written."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from marskit.knowledge.port import KnowledgeError
from marskit.knowledge.read.reading import time_of
from marskit.knowledge.storage.store import Store, open_store
from marskit.text import plural

BEGINNING = timedelta(hours=1)
"""Time for which a run without a file may still be about to be written."""
UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


@dataclass(frozen=True, slots=True)
class Keep:
    """The runs to keep; None means no limit."""

    days: float | None = None
    """Keep runs that began within this many days."""
    size_bytes: int | None = None
    """Keep the newest runs up to this total size."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """A run that is removed, or would be."""

    run: str
    size_bytes: int


def parse_size(size: str) -> int:
    """The bytes in `2GB`, `500 MB` or `1.5TB`.

    Raises:
        ValueError: The text is not a size.
    """
    number, unit = size.strip()[:-2], size.strip()[-2:].upper()
    if unit not in UNITS or not (size_bytes := float(number) * UNITS[unit]) > 0:
        raise ValueError(size)
    return int(size_bytes)


def size_text(size_bytes: int) -> str:
    """The size in the form that `parse_size` reads, with the largest unit that it reaches: `2GB`."""
    unit = max((unit for unit in UNITS if UNITS[unit] <= size_bytes), key=UNITS.__getitem__, default="KB")
    return f"{size_bytes / UNITS[unit]:g}{unit}"


def prune(
    root: str | Path,
    keep: Keep,
    *,
    really: bool,
    now: datetime | None = None,
    spared: Collection[str] = (),
) -> tuple[Pruned, ...]:
    """The runs under `root` beyond the limit, oldest first; removed if `really`.

    Args:
        root: The store of runs.
        keep: The runs to keep.
        really: Whether to remove the others.
        now: The time from which days are counted back; None is now.
        spared: Runs to keep in any case, like those that are being written.

    Raises:
        KnowledgeError: A run cannot be removed.
    """
    store = open_store(root)
    now = now or datetime.now(UTC)
    since = now - timedelta(days=keep.days) if keep.days is not None else None
    gone: list[Pruned] = []
    kept_bytes = 0
    for run in reversed(store.runs()):
        live = run in spared or store.is_live(run)
        sizes = store.sizes(run)
        live = live or (not sizes and now - time_of(run) < BEGINNING)
        size = sum(sizes.values())
        old = since is not None and time_of(run) < since
        full = keep.size_bytes is not None and kept_bytes + size > keep.size_bytes
        if live or not (old or full):
            kept_bytes += size
        else:
            # Everything older goes as well: a small old run does not outlive a large newer one.
            kept_bytes += size if full else 0
            gone.insert(0, Pruned(run, size))
    if really:
        for each in gone:
            _remove(store, each.run)
    return tuple(gone)


def prune_at_start(root: Path | str, keep: Keep, run: str) -> str | None:
    """Remove runs beyond the limit as a run begins; a sentence about it, or None if none was removed.

    Raises:
        KnowledgeError: A run cannot be removed.
        OSError: The store cannot be read.
    """
    gone = prune(root, keep, really=True, spared=(run,))
    if not gone:
        return None
    size = sum(each.size_bytes for each in gone) / 1e6
    return f"{plural(len(gone), 'earlier run')}, {size:.1f} MB, removed; kept: {_kept(keep)}."


def _kept(keep: Keep) -> str:
    days = "" if keep.days is None else f"runs of the last {keep.days:g} days"
    room = "" if keep.size_bytes is None else f"up to {size_text(keep.size_bytes)}"
    return f"{days} {room}" if days and room else days or f"the newest runs {room}"


def _remove(store: Store, run: str) -> None:
    try:
        store.remove_run(run)
    except FileNotFoundError:
        # Another process may prune as well.
        return
    except OSError as error:
        raise KnowledgeError(f"{store.location(run, '')}: the run cannot be removed: {error}.") from error
