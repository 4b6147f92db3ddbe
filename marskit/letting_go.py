"""Lets go of old runs when a new one begins, and says so."""

from pathlib import Path

from marskit.knowledge.retention import Keep, prune, size_text
from marskit.views import text


def let_go(root: Path | str, keep: Keep, run: str) -> str | None:
    """Remove what is not to be kept beside the run that begins; a sentence on it, or None if that is nothing.

    Raises:
        KnowledgeError: A run cannot be removed.
        OSError: The store cannot be read.
    """
    gone = prune(root, keep, really=True, spared=(run,))
    if not gone:
        return None
    size = sum(each.size_bytes for each in gone) / 1e6
    return f"{text.plural(len(gone), 'earlier run')}, {size:.1f} MB, removed; kept are {_kept(keep)}."


def _kept(keep: Keep) -> str:
    days = "" if keep.days is None else f"those of {keep.days:g} days"
    room = "" if keep.size_bytes is None else f"that fit into {size_text(keep.size_bytes)}"
    return f"{days} {room}" if days and room else days or f"the newest {room}"
