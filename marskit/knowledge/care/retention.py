"""Which runs to let go when there are too many: the oldest first, and never one that is being written."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from marskit.knowledge.port import KnowledgeError
from marskit.knowledge.read.reading import time_of
from marskit.knowledge.storage.store import Store, open_store
from marskit.text import plural

BEGINNING = timedelta(hours=1)
"""For so long a run without a file may be one that is about to be written."""
UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


@dataclass(frozen=True, slots=True)
class Keep:
    """How much is kept; None is no limit."""

    days: float | None = None
    """Runs that began within so many days."""
    size_bytes: int | None = None
    """The newest runs that together take no more than this."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """A run that goes, or would."""

    run: str
    size_bytes: int


def parse_size(size: str) -> int:
    """The bytes that `2GB`, `500 MB` or `1.5TB` are.

    Raises:
        ValueError: It is no size.
    """
    number, unit = size.strip()[:-2], size.strip()[-2:].upper()
    if unit not in UNITS or not (size_bytes := float(number) * UNITS[unit]) > 0:
        raise ValueError(size)
    return int(size_bytes)


def size_text(size_bytes: int) -> str:
    """The size as `parse_size` reads it, with the largest unit that it reaches: `2GB`."""
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
    """The runs under `root` that are not to be kept, oldest first; with `really`, they are gone then.

    Args:
        root: Where the runs are.
        keep: What stays.
        really: Whether to remove the others.
        now: What days are counted back from; None is now.
        spared: Runs that stay whatever `keep` says, as those do that are being written.

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
            # What is older goes as well: a small old run does not outlive a large newer one.
            kept_bytes += size if full else 0
            gone.insert(0, Pruned(run, size))
    if really:
        for each in gone:
            _remove(store, each.run)
    return tuple(gone)


def prune_at_start(root: Path | str, keep: Keep, run: str) -> str | None:
    """Remove what is not to be kept beside the run that begins; a sentence on it, or None if that is nothing.

    Raises:
        KnowledgeError: A run cannot be removed.
        OSError: The store cannot be read.
    """
    gone = prune(root, keep, really=True, spared=(run,))
    if not gone:
        return None
    size = sum(each.size_bytes for each in gone) / 1e6
    return f"{plural(len(gone), 'earlier run')}, {size:.1f} MB, removed; kept are {_kept(keep)}."


def _kept(keep: Keep) -> str:
    days = "" if keep.days is None else f"those of {keep.days:g} days"
    room = "" if keep.size_bytes is None else f"that fit into {size_text(keep.size_bytes)}"
    return f"{days} {room}" if days and room else days or f"the newest {room}"


def _remove(store: Store, run: str) -> None:
    try:
        store.remove_run(run)
    except FileNotFoundError:
        # Somebody else prunes as well.
        return
    except OSError as error:
        raise KnowledgeError(f"{store.location(run, '')}: the run cannot be removed: {error}.") from error
