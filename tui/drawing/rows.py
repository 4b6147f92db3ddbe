"""Rows of styled text: what every widget draws and what the canvas paints."""

from collections.abc import Iterable, Sequence

Span = tuple[str, str]
"""Text and the role it plays; the palette gives each role its colour."""
Row = tuple[Span, ...]


def length(row: Iterable[Span]) -> int:
    """How many cells the row takes; all text is of single-width characters."""
    return sum(len(text) for text, _ in row)


def clip(row: Row, width: int) -> Row:
    """The row cut to `width` cells, with `…` in the last one when something was lost."""
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
    """Both rows on one line, the right one at the right edge, `fill` between; the left one gives way."""
    right = clip(right, width)
    room = width - length(right)
    left = clip(left, max(0, room - 1) if right else room)
    gap = room - length(left)
    return (*left, (" " * min(1, gap), "plain"), (fill[0] * (gap - 1), fill[1]), *right)


def squeeze(name: str, width: int) -> str:
    """A name cut in its middle: what tells two workloads apart is mostly at the end."""
    if len(name) <= width:
        return name
    if width < 3:
        return name[:width]
    suffix = name[name.rfind("-") :] if "-" in name else ""
    tail = len(suffix) if 0 < len(suffix) < width - 2 else width // 2
    return f"{name[: width - 1 - tail]}…{name[len(name) - tail :]}"


def first_fitting(variants: Sequence[Row], width: int) -> Row:
    """The first of the variants, longest first, that fits; nothing when none does."""
    return next((row for row in variants if length(row) <= width), ())
