"""A branch and its recording, column by column on the same axes."""

import textwrap
from collections.abc import Sequence

from marskit.tui.drawing.document import document_rows
from marskit.tui.drawing.plot import AXIS, draw_plot
from marskit.tui.drawing.rows import Row, Span, clip, length, spans
from marskit.tui.widgets.canvas import Canvas
from marskit.views.branch import READY, VIOLATIONS, BranchView, ColumnView, columns


class Beside(Canvas[BranchView]):
    """The figures, how to read them, and below the recording on the left and the branch on the right."""

    def draw(self, width: int, height: int) -> Sequence[Row]:
        """As much as fits; the words give way to the curves."""
        view = self.view
        rows: list[Row] = [((view.title, "heading"),), *document_rows((view.figures,), width)]
        words = [line for sentence in view.words for line in textwrap.wrap(sentence, width)]
        room = max(2, height - len(rows) - 9)
        if len(words) > room:
            words = [*words[: room - 1], f"{words[room - 1][: width - 2]} …"]
        rows += [((line, "dim"),) for line in words]
        left, right = (_column(side, (width - 1) // 2, height - len(rows)) for side in columns(view))
        return [*rows, *((*one, (" ", "plain"), *other) for one, other in zip(left, right, strict=True))]


def _column(side: ColumnView, width: int, height: int) -> list[Row]:
    """Title, p95, violations, replicas and the axis of time, in exactly `height` rows."""
    left = height - 4
    latency, replicas = max(1, left - left // 3), max(1, left // 3)
    rows: list[Row] = [
        ((side.title, "strong"), *spans(*side.legend, lead="  ")),
        *draw_plot(side.latency, width, latency),
        _violations(side, width),
        ((f"{' ' * AXIS} {READY}", "dim"),),
        *draw_plot(side.replicas, width, replicas),
        _times(side, width),
    ]
    return [_padded(row, width) for row in rows[:height]]


def _violations(side: ColumnView, width: int) -> Row:
    """A strip in which violated cycles are blocks and actions are arrows."""
    cells = max(1, width - AXIS - 1)
    strip: list[Span] = [("·", "axis")] * cells
    for since, until in side.violated:
        first, last = int(since * cells), int(until * cells)
        strip[first : max(last, first + 1)] = [("▄", "bad")] * (max(last, first + 1) - first)
    for at in side.actions:
        strip[min(int(at * cells), cells - 1)] = ("▲", "accent")
    return ((f"{VIOLATIONS.rjust(AXIS - 1)}  ", "dim"), *strip[:cells])


def _times(side: ColumnView, width: int) -> Row:
    since, until = side.latency.since, side.latency.until
    gap = max(1, width - AXIS - 1 - len(since) - len(until))
    return ((f"{' ' * AXIS} {since}{' ' * gap}{until}", "dim"),)


def _padded(row: Row, width: int) -> Row:
    row = clip(row, width)
    return (*row, (" " * (width - length(row)), "plain"))
