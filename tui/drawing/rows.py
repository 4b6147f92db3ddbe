"""Rows of styled text: widgets draw them and the canvas paints them."""

from collections.abc import Iterable, Sequence

from marskit.views.tone import Part

Span = tuple[str, str]
"""Text and its role; the palette gives each role a colour."""
Row = tuple[Span, ...]


_LEAST = 5
"""Fewest cells in which a part of a name says anything."""


def spans(*parts: Part | None, lead: str = "") -> Row:
    """The pieces of a view as text, each after `lead`; those that say nothing are left out."""
    return tuple((f"{lead}{part.text}", part.tone) for part in parts if part is not None)


def length(row: Iterable[Span]) -> int:
    """The width of the row in cells; all characters are single-width."""
    return sum(len(text) for text, _ in row)


def clip(row: Row, width: int) -> Row:
    """The row cut to `width` cells, with `…` in the last one if anything was cut."""
    if length(row) <= width:
        return row
    kept: list[Span] = []
    left = max(0, width - 1)
    for text, role in row:
        kept.append((text[:left], role))
        left -= len(text)
        if left <= 0:
            break
    return (*kept, ("…", "dim")) if width > 0 else ()


def spread(left: Row, right: Row, width: int, fill: Span = (" ", "plain")) -> Row:
    """Both rows on one line, the right one at the right edge, `fill` between; the left one is cut."""
    right = clip(right, width)
    room = width - length(right)
    left = clip(left, max(0, room - 1) if right else room)
    gap = room - length(left)
    return (*left, (" " * min(1, gap), "plain"), (fill[0] * (gap - 1), fill[1]), *right)


def squeeze(name: str, width: int) -> str:
    """A name cut in its middle: names of workloads mostly differ at the end."""
    if len(name) <= width:
        return name
    if width < 3:
        return name[:width]
    suffix = name[name.rfind("-") :] if "-" in name else ""
    tail = len(suffix) if 0 < len(suffix) < width - 2 else width // 2
    return f"{name[: width - 1 - tail]}…{name[len(name) - tail :]}"


def unique_names(names: Sequence[str], width: int) -> dict[str, str] | None:
    """Names cut in their middle to `width` cells, no two alike; None if that cannot be done.

    Where the usual cut makes two names alike, the cut moves until it leaves what tells them apart.
    """
    shown: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted(set(names), key=len):
        label = next((each for each in _cuts(name, width) if each not in taken), None)
        if label is None:
            return None
        taken.add(label)
        shown[name] = label
    return shown


def _cuts(name: str, width: int) -> Iterable[str]:
    """The name itself if it fits, else every way to cut its middle, the usual one first."""
    yield squeeze(name, width)
    if len(name) > width >= _LEAST:
        for tail in (*range(width // 2, width), *range(width // 2)):
            yield f"{name[: width - 1 - tail]}…{name[len(name) - tail :]}"


def first_fitting(variants: Sequence[Row], width: int) -> Row:
    """The first variant that fits, longest first; empty if none does."""
    return next((row for row in variants if length(row) <= width), ())
