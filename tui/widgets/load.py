"""The load: the scenario's curve, the position in it and the actual rate."""

from collections.abc import Sequence

from marskit import text
from marskit.tui.drawing.plot import Curve, Plot, draw_plot, nice_max
from marskit.tui.drawing.rows import Row, spread
from marskit.tui.widgets.canvas import Canvas
from marskit.views.load import LoadView


class Load(Canvas[LoadView]):
    """A curve with a marker, below the newest reading."""

    def draw(self, width: int, height: int) -> Sequence[Row]:
        """The reading, the curve, and the position in the scenario."""
        view = self.view
        if not view.curve:
            return [(("The scenario's curve will appear here.", "dim"),)]
        if height < 4:
            return [self._reading(width)]
        sent = [rate for _, rate in view.sent]
        top = nice_max([rate * view.factor for _, rate in view.curve] + sent, 1.0)
        marker = () if view.position_s is None else ((view.position_s, "accent"),)
        offered = [(at, rate * view.factor) for at, rate in view.curve]
        plot = Plot(
            (Curve(offered, "p50"), Curve(view.sent, "ok")),
            0.0,
            view.duration_s,
            top,
            f"{top:g}/s",
            uprights=marker,
        )
        return [self._reading(width), *draw_plot(plot, width, height - 2), self._position(width)]

    def _reading(self, width: int) -> Row:
        view = self.view
        if view.status is None:
            return (("The load starts once the mesh answers.", "dim"),)
        if view.reason is not None:
            return ((view.reason, "bad"),)
        left: Row = (
            ("offered ", "dim"),
            (text.rate(view.asked_requests_per_s), "plain"),
            ("  actual ", "dim"),
            (text.rate(view.sent_requests_per_s), view.health),
        )
        right: Row = (
            (f"{text.count(view.users, 'user')}  ", "dim"),
            (text.factor(view.factor), "person" if view.factor != 1 else "dim"),
        )
        return spread(left, right, width)

    def _position(self, width: int) -> Row:
        view = self.view
        at = text.clock(view.position_s or 0.0)
        speed = f", {view.speed:g}× speed" if view.speed != 1 else ""
        speed = ", over" if view.is_over else speed
        return spread(
            ((view.title, "dim"),), ((f"{at} of {text.clock(view.duration_s)}{speed}", "dim"),), width
        )
