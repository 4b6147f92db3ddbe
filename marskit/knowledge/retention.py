"""Which runs to let go when there are too many: the oldest first, and never one that is being written."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from marskit.knowledge.port import KnowledgeError
from marskit.knowledge.reading import time_of
from marskit.knowledge.store import Store, open_store

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


def parse_size(text: str) -> int:
    """The bytes that `2GB`, `500 MB` or `1.5TB` are.

    Raises:
        ValueError: It is no size.
    """
    number, unit = text.strip()[:-2], text.strip()[-2:].upper()
    if unit not in UNITS or not (size := float(number) * UNITS[unit]) > 0:
        raise ValueError(text)
    return int(size)


def prune(root: str | Path, keep: Keep, *, really: bool, now: datetime | None = None) -> tuple[Pruned, ...]:
    """The runs under `root` that are not to be kept, oldest first; with `really`, they are gone then.

    Raises:
        KnowledgeError: A run cannot be removed.
    """
    store = open_store(root)
    since = (now or datetime.now(UTC)) - timedelta(days=keep.days) if keep.days is not None else None
    gone: list[Pruned] = []
    kept_bytes = 0
    for run in reversed(store.runs()):
        size = sum(store.sizes(run).values())
        live = store.is_live(run)
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


def _remove(store: Store, run: str) -> None:
    try:
        store.remove_run(run)
    except OSError as error:
        raise KnowledgeError(f"{store.location(run, '')}: the run cannot be removed: {error}.") from error
