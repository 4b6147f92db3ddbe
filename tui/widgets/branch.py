"""A branch and its recording, column by column on the same axes."""

import textwrap
from collections.abc import Sequence
from itertools import pairwise

from marskit import text
from marskit.tui.drawing.document import document_rows
from marskit.tui.drawing.plot import AXIS, Curve, Plot, draw_plot, nice_max
from marskit.tui.drawing.rows import Row, Span, clip, length
from marskit.tui.widgets.canvas import Canvas
from marskit.views.branch import BranchView, CurvesView


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
        left = self._column(view.recorded, (width - 1) // 2, height - len(rows), beside=view.control)
        right = self._column(view.branch, (width - 1) // 2, height - len(rows), beside=None)
        return [*rows, *((*one, (" ", "plain"), *other) for one, other in zip(left, right, strict=True))]

    def _column(self, side: CurvesView, width: int, height: int, *, beside: CurvesView | None) -> list[Row]:
        """Title, p95, violations, replicas and the axis of time, in exactly `height` rows."""
        view = self.view
        left = height - 4
        latency, replicas = max(1, left - left // 3), max(1, left // 3)
        slo = view.slo_ms
        known = [ms for curve in (view.recorded, view.control, view.branch) for _, ms in curve.p95 if ms]
        top_ms = nice_max(known, slo * 1.2 if slo else 10.0)
        most = nice_max(
            [n for curve in (view.recorded, view.control, view.branch) for _, n in curve.replicas if n], 1.0
        )
        other: tuple[Span, ...] = ((f"  ┈ {beside.title}", "p50"),) if beside else ()
        rows: list[Row] = [
            ((side.title, "strong"), ("  p95", "p95"), *other),
            *self._plot(side.p95, beside.p95 if beside else (), top_ms, text.ms(top_ms), width, latency, slo),
            self._violations(side, width),
            ((f"{'':>{AXIS}} ready replicas", "dim"),),
            *self._plot(
                side.replicas, beside.replicas if beside else (), most, f"{most:g}", width, replicas, None
            ),
            self._times(width),
        ]
        return [_padded(row, width) for row in rows[:height]]

    def _plot(
        self,
        points: Sequence[tuple[float, float | None]],
        beside: Sequence[tuple[float, float | None]],
        top: float,
        label: str,
        width: int,
        height: int,
        level: float | None,
    ) -> list[Row]:
        curves = (Curve(beside, "p50"), Curve(points, "p95"))
        return draw_plot(Plot(curves, self.view.since_s, self.view.until_s, top, label, level), width, height)

    def _violations(self, side: CurvesView, width: int) -> Row:
        """A strip in which violated cycles are blocks and actions are arrows."""
        cells = max(1, width - AXIS - 1)
        strip: list[Span] = [("·", "axis")] * cells
        span_s = (self.view.until_s - self.view.since_s) or 1.0
        for (at_s, violated), (until_s, _) in pairwise((*side.violated, (self.view.until_s, False))):
            first = int((at_s - self.view.since_s) / span_s * cells)
            last = int((until_s - self.view.since_s) / span_s * cells)
            if violated:
                strip[first : max(last, first + 1)] = [("▄", "bad")] * (max(last, first + 1) - first)
        for at_s in side.actions_s:
            x = min(int((at_s - self.view.since_s) / span_s * cells), cells - 1)
            strip[x] = ("▲", "accent")
        return ((f"{'SLO':>{AXIS - 1}}  ", "dim"), *strip[:cells])

    def _times(self, width: int) -> Row:
        since, until = text.clock(self.view.since_s), text.clock(self.view.until_s)
        gap = max(1, width - AXIS - 1 - len(since) - len(until))
        return ((f"{'':>{AXIS}} {since}{' ' * gap}{until}", "dim"),)


def _padded(row: Row, width: int) -> Row:
    row = clip(row, width)
    return (*row, (" " * (width - length(row)), "plain"))
