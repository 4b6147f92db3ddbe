"""The action log: actions and events, newest first."""

import textwrap
from collections.abc import Sequence

from textual import events

from marskit.tui.drawing.rows import Row
from marskit.tui.key_names import shown
from marskit.tui.widgets.canvas import Canvas
from marskit.views.actions import KILLS, NO_ACTION, LogRow
from marskit.views.controls import Hint

WHO = 8
"""Width of the column of who did it, in cells."""


class Log(Canvas[tuple[LogRow, ...]], can_focus=True):
    """As many rows as fit; Enter opens them all."""

    hint: Hint | None = KILLS
    """What a person can do while there is no action yet."""

    async def on_click(self, event: events.Click) -> None:
        """A second click opens it."""
        if event.chain == 2:
            await self.app.run_action("open")

    def draw(self, width: int, height: int) -> Sequence[Row]:
        """The rows, each wrapped with a hanging indent."""
        if not self.view:
            if self.hint is None:
                return [((f"{NO_ACTION}.", "dim"),)]
            offer = ((shown(self.hint.does), "key"), (f" {self.hint.words}.", "dim"))
            return [((f"{NO_ACTION}: ", "dim"), *offer)]
        lines: list[Row] = []
        for row in self.view:
            if len(lines) >= height:
                break
            lines += log_lines(row, width)
        return lines[:height]


def log_lines(row: LogRow, width: int) -> list[Row]:
    """One entry of the log, on as many lines as its text takes."""
    role = row.tone if row.tone in ("bad", "warn") else "plain"
    head: Row = ((row.time, "dim"), (f" {row.symbol} ", row.tone), (f"{row.who.ljust(WHO)} ", "dim"))
    indent = " " * (len(row.time) + 3 + WHO + 1)
    first, *rest = textwrap.wrap(row.text, max(12, width - len(indent))) or [""]
    return [(*head, (first, role)), *(((indent, "plain"), (line, role)) for line in rest)]
