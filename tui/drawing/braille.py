"""A plot of braille dots: two columns and four rows of dots in every cell."""

from collections.abc import Iterable

from marskit.tui.drawing.cells import nearest
from marskit.tui.drawing.rows import Row
from marskit.views.series import MARK_SLO

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
        self._levels: dict[int, str] = {}

    def dot(self, x: int, y: int, role: str) -> None:
        """Set one dot, `x` from the left and `y` from the bottom; dots outside are ignored."""
        row = self.dots - 1 - y
        if 0 <= x < self.columns and 0 <= row < self.dots:
            self._masks[row // 4][x // 2] |= _DOTS[row % 4][x % 2]
            self._roles[row // 4][x // 2] = role

    def line(self, points: Iterable[tuple[int, int] | None], role: str, *, every: int = 1) -> None:
        """Join the dots from point to point; None leaves a gap. Above 1, `every` makes a dotted line."""
        before: tuple[int, int] | None = None
        for point in points:
            if point is not None:
                self._segment(before or point, point, role, every)
            before = point

    def across(self, y: int, role: str) -> None:
        """Draw a broken line over the whole width; curves that lie on it leave a part of it visible.

        It is not made of dots, so that it is told from every curve.
        """
        row = (self.dots - 1 - y) // 4
        if 0 <= row < self.height:
            self._levels[row] = role

    def rows(self) -> list[Row]:
        """The cells, with spaces for those without dots."""
        return [tuple(_merged(self._cell(x, y) for x in range(self.width))) for y in range(self.height)]

    def _cell(self, x: int, y: int) -> tuple[str, str]:
        mask, level = self._masks[y][x], self._levels.get(y)
        if level is not None and x % (4 if mask else 2) == 0:
            return MARK_SLO, level
        return chr(_BLANK | mask) if mask else " ", self._roles[y][x]

    def _segment(self, start: tuple[int, int], end: tuple[int, int], role: str, every: int) -> None:
        (x0, y0), (x1, y1) = start, end
        steps = max(abs(x1 - x0), abs(y1 - y0), 1)
        for step in range(steps + 1):
            if (x0 + nearest((x1 - x0) * step / steps)) % every:
                continue
            self.dot(x0 + nearest((x1 - x0) * step / steps), y0 + nearest((y1 - y0) * step / steps), role)


def _merged(cells: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    spans: list[tuple[str, str]] = []
    for char, role in cells:
        if spans and (spans[-1][1] == role or char == " "):
            spans[-1] = (spans[-1][0] + char, spans[-1][1])
        else:
            spans.append((char, role))
    return spans
