"""A plot of braille dots: two columns and four rows of dots in every cell."""

from collections.abc import Iterable

from marskit.tui.drawing.rows import Row

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BLANK = 0x2800


class Braille:
    """Dots with roles; the role drawn last wins its cell. The origin is the lower left."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self.columns = width * 2
        self.dots = height * 4
        self._masks = [[0] * width for _ in range(height)]
        self._roles = [["plain"] * width for _ in range(height)]

    def dot(self, x: int, y: int, role: str) -> None:
        """Set one dot, `x` from the left and `y` from the bottom; dots outside are ignored."""
        row = self.dots - 1 - y
        if 0 <= x < self.columns and 0 <= row < self.dots:
            self._masks[row // 4][x // 2] |= _DOTS[row % 4][x % 2]
            self._roles[row // 4][x // 2] = role

    def line(self, points: Iterable[tuple[int, int] | None], role: str) -> None:
        """Join the dots from point to point; None leaves a gap."""
        before: tuple[int, int] | None = None
        for point in points:
            if point is not None:
                self._segment(before or point, point, role)
            before = point

    def across(self, y: int, role: str, *, every: int = 4) -> None:
        """Draw a dotted line over the whole width, leaving cells with dots untouched."""
        for x in range(0, self.columns, every):
            row = self.dots - 1 - y
            if 0 <= row < self.dots and not self._masks[row // 4][x // 2]:
                self.dot(x, y, role)

    def rows(self) -> list[Row]:
        """The cells, with spaces for those without dots."""
        return [
            tuple(
                _merged((chr(_BLANK | mask) if mask else " ", role) for mask, role in zip(*row, strict=True))
            )
            for row in zip(self._masks, self._roles, strict=True)
        ]

    def _segment(self, start: tuple[int, int], end: tuple[int, int], role: str) -> None:
        (x0, y0), (x1, y1) = start, end
        steps = max(abs(x1 - x0), abs(y1 - y0), 1)
        for step in range(steps + 1):
            self.dot(x0 + round((x1 - x0) * step / steps), y0 + round((y1 - y0) * step / steps), role)


def _merged(cells: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    spans: list[tuple[str, str]] = []
    for char, role in cells:
        if spans and (spans[-1][1] == role or char == " "):
            spans[-1] = (spans[-1][0] + char, spans[-1][1])
        else:
            spans.append((char, role))
    return spans
