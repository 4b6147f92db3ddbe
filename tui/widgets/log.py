"""The action log: what was done and what happened, newest first."""

from collections.abc import Sequence

from marskit.views.actions import LogRow
from tui.drawing.rows import Row
from tui.widgets.canvas import Canvas


class Log(Canvas[tuple[LogRow, ...]], can_focus=True):
    """As many rows as fit; Enter opens them all."""

    BORDER_TITLE = "log"

    def draw(self, width: int, height: int) -> Sequence[Row]:
        """One line per row."""
        if not self.view:
            return [(("Nothing was done yet. Try ", "dim"), ("k", "key"), (" to kill a replica.", "dim"))]
        return [log_line(row) for row in self.view[:height]]


def log_line(row: LogRow) -> Row:
    """One row of the log."""
    return (
        (row.time, "dim"),
        (f" {row.symbol} ", row.tone),
        (f"{row.who:<6.6} ", "dim"),
        (row.text, row.tone if row.tone in ("bad", "warn") else "plain"),
    )
