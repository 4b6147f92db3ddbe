"""A grid of characters for text and lines; lines that meet are joined."""

from marskit.tui.drawing.rows import Row

NORTH, EAST, SOUTH, WEST = 1, 2, 4, 8
_JOINTS = {
    EAST | WEST: "─",
    NORTH | SOUTH: "│",
    EAST: "─",
    WEST: "─",
    NORTH: "│",
    SOUTH: "│",
    EAST | SOUTH: "╭",
    WEST | SOUTH: "╮",
    EAST | NORTH: "╰",
    WEST | NORTH: "╯",
    NORTH | SOUTH | EAST: "├",
    NORTH | SOUTH | WEST: "┤",
    EAST | WEST | SOUTH: "┬",
    EAST | WEST | NORTH: "┴",
    NORTH | EAST | SOUTH | WEST: "┼",
}
_LIGHT = ("╭", "╮", "╰", "╯", "─", "│")
_HEAVY = ("┏", "┓", "┗", "┛", "━", "┃")


class Grid:
    """Characters with roles; writes outside the grid are dropped."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self._chars = [[" "] * width for _ in range(height)]
        self._roles = [["plain"] * width for _ in range(height)]
        self._links: dict[tuple[int, int], tuple[int, str]] = {}

    def write(self, x: int, y: int, text: str, role: str = "plain") -> None:
        """Write text on one row, over its present content."""
        if not 0 <= y < self.height:
            return
        for offset, char in enumerate(text):
            if 0 <= x + offset < self.width:
                self._chars[y][x + offset] = char
                self._roles[y][x + offset] = role
                self._links.pop((x + offset, y), None)

    def write_row(self, x: int, y: int, row: Row) -> None:
        """Write a row of styled text."""
        for text, role in row:
            self.write(x, y, text, role)
            x += len(text)

    def horizontal(self, x0: int, x1: int, y: int, role: str) -> None:
        """Draw a line from the middle of cell `x0` to the middle of cell `x1`."""
        x0, x1 = min(x0, x1), max(x0, x1)
        for x in range(x0, x1 + 1):
            self._link(x, y, (WEST if x > x0 else 0) | (EAST if x < x1 else 0), role)

    def vertical(self, x: int, y0: int, y1: int, role: str) -> None:
        """Draw a line from the middle of cell `y0` to the middle of cell `y1`."""
        y0, y1 = min(y0, y1), max(y0, y1)
        for y in range(y0, y1 + 1):
            self._link(x, y, (NORTH if y > y0 else 0) | (SOUTH if y < y1 else 0), role)

    def box(self, x: int, y: int, width: int, height: int, role: str, *, heavy: bool = False) -> None:
        """Draw a frame with round corners, or a heavy one."""
        top_left, top_right, bottom_left, bottom_right, flat, upright = _HEAVY if heavy else _LIGHT
        self.write(x, y, top_left + flat * (width - 2) + top_right, role)
        self.write(x, y + height - 1, bottom_left + flat * (width - 2) + bottom_right, role)
        for row in range(y + 1, y + height - 1):
            self.write(x, row, upright, role)
            self.write(x + width - 1, row, upright, role)

    def rows(self, x: int = 0, y: int = 0, width: int | None = None, height: int | None = None) -> list[Row]:
        """The part of the grid inside a window."""
        for (column, row), (joints, role) in self._links.items():
            self._chars[row][column] = _JOINTS.get(joints, " ")
            self._roles[row][column] = role
        right = min(self.width, x + (self.width if width is None else width))
        bottom = min(self.height, y + (self.height if height is None else height))
        return [self._row(row, x, right) for row in range(y, bottom)]

    def _row(self, y: int, left: int, right: int) -> Row:
        spans: list[tuple[str, str]] = []
        chars, roles = self._chars[y], self._roles[y]
        start = left
        for x in range(left, right):
            if x + 1 == right or roles[x + 1] != roles[x]:
                spans.append(("".join(chars[start : x + 1]), roles[x]))
                start = x + 1
        return tuple(spans)

    def _link(self, x: int, y: int, joints: int, role: str) -> None:
        if 0 <= x < self.width and 0 <= y < self.height:
            before, old = self._links.get((x, y), (0, role))
            self._links[x, y] = (before | joints, louder(old, role))


_LOUDNESS = {"wire": 0, "warn": 1, "bad": 2}


def louder(one: str, other: str) -> str:
    """The more urgent of two roles that meet in one cell."""
    return max(one, other, key=lambda role: _LOUDNESS.get(role, 0))
