"""Latency, traffic and replicas of one service over time, with marks at actions and faults."""

from collections.abc import Sequence

from marskit import text
from marskit.tui.drawing.braille import LEVEL
from marskit.tui.drawing.plot import AXIS, Curve, Plot, draw_plot, nice_max
from marskit.tui.drawing.rows import Row, length, spread
from marskit.tui.widgets.canvas import Canvas
from marskit.views.series import MarkKind, Point, SeriesView

SPAN_S = 120.0
_ROLES = {MarkKind.ACTION: "accent", MarkKind.PERSON: "person", MarkKind.FAULT: "person"}


class Series(Canvas[SeriesView]):
    """One to three plots over the same time, depending on the height."""

    def draw(self, width: int, height: int) -> Sequence[Row]:
        """Latency first, then traffic, then replicas, with the marks below."""
        view = self.view
        if not view.points:
            return [(("The curves start with the first observation.", "dim"),)]
        plots = [self._latency, self._traffic, self._replicas][
            : 1 if height < 11 else 2 if height < 18 else 3
        ]
        body = height - 1
        share, extra = divmod(body, len(plots))
        rows: list[Row] = []
        for index, plot in enumerate(plots):
            rows += plot(width, share + (index < extra))
        return [*rows, self._marks(width)]

    def _latency(self, width: int, height: int) -> list[Row]:
        slo, last = self.view.slo_ms, self.view.points[-1]
        known = [p.p95_ms for p in self.view.points if p.p95_ms is not None]
        top = nice_max(known, slo * 1.2 if slo else 10.0)
        p50: Row = (("┈ p50 ", "p50"), (text.ms(last.p50_ms), "dim"), ("  ", "dim"))
        legend: Row = (("━ p95 ", "p95"), (text.ms(last.p95_ms), "strong"))
        if slo is not None:
            legend = (*legend, (f"  {LEVEL} SLO ", "slo"), (text.ms(slo), "dim"))
        if length(legend) + length(p50) + AXIS + len("latency") + 2 <= width:
            legend = (*p50, *legend)
        curves = (self._curve("p50_ms", "p50", is_dotted=True), self._curve("p95_ms", "p95"))
        return [
            _title("latency", legend, width),
            *self._plot(curves, top, text.ms(top), width, height, level=slo),
        ]

    def _traffic(self, width: int, height: int) -> list[Row]:
        last = self.view.points[-1]
        top = nice_max([p.requests_per_s or 0.0 for p in self.view.points], 1.0)
        legend: Row = (
            ("requests ", "ok"),
            (text.rate(last.requests_per_s), "strong"),
            ("  failed ", "bad"),
            (text.number(last.failures_per_s) + "/s", "dim"),
        )
        failed = (
            (self._curve("failures_per_s", "bad"),) if any(p.failures_per_s for p in self.view.points) else ()
        )
        curves = (self._curve("requests_per_s", "ok"), *failed)
        return [_title("traffic", legend, width), *self._plot(curves, top, f"{top:g}/s", width, height)]

    def _replicas(self, width: int, height: int) -> list[Row]:
        last = self.view.points[-1]
        top = float(
            max((max(p.replicas_ready or 0, p.replicas_desired) for p in self.view.points), default=1) + 1
        )
        legend: Row = (
            ("ready ", "ok"),
            (text.replicas(last.replicas_ready, last.replicas_desired), "strong"),
        )
        curves = (self._curve("replicas_desired", "axis"), self._curve("replicas_ready", "ok"))
        return [_title("replicas", legend, width), *self._plot(curves, top, f"{top:g}", width, height)]

    def _plot(
        self,
        curves: tuple[Curve, ...],
        top: float,
        label: str,
        width: int,
        height: int,
        level: float | None = None,
    ) -> list[Row]:
        now_s = self.view.now_s
        uprights = tuple((mark.at_s, _ROLES[mark.kind]) for mark in self.view.marks)
        plot = Plot(curves, now_s - self.view.span_s, now_s, top, label, level, uprights)
        return draw_plot(plot, width, max(1, height - 1))

    def _curve(self, name: str, role: str, *, is_dotted: bool = False) -> Curve:
        return Curve([(p.at_s, _value(p, name)) for p in self.view.points], role, is_dotted)

    def _marks(self, width: int) -> Row:
        """The time axis with a symbol under every upright."""
        cells = width - AXIS - 1
        start_s = self.view.now_s - self.view.span_s
        symbols = [(" ", "dim")] * cells
        for mark in self.view.marks:
            # The cell of the upright: two dots make a cell.
            x = round((mark.at_s - start_s) / self.view.span_s * (2 * cells - 1)) // 2
            if 0 <= x < cells:
                symbols[x] = (mark.symbol, _ROLES[mark.kind])
        for label, at in ((f"−{self.view.span_s:.0f} s", 0), ("now", cells - 3)):
            if at >= 0 and all(symbol == " " for symbol, _ in symbols[at : at + len(label)]):
                symbols[at : at + len(label)] = [(char, "dim") for char in label]
        return ((" " * (AXIS + 1), "plain"), *symbols)


def _value(point: Point, name: str) -> float | None:
    value: float | None = getattr(point, name)
    return value


def _title(name: str, legend: Row, width: int) -> Row:
    """The legend takes precedence over the name if only one fits."""
    left: Row = ((f"{'':>{AXIS}} ", "plain"), (name, "heading"))
    return spread(left if length(left) + length(legend) < width else (), legend, width)
