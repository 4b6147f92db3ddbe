"""The load: the scenario's curve, the position in it and the actual rate."""

from collections.abc import Sequence

from marskit.tui.drawing.plot import draw_plot
from marskit.tui.drawing.rows import Row, spans, spread
from marskit.tui.widgets.canvas import Canvas
from marskit.views.load import NO_CURVE, LoadReading, LoadView, load_plot, load_reading


class Load(Canvas[LoadView]):
    """A curve with a marker, below the newest reading."""

    def draw(self, width: int, height: int) -> Sequence[Row]:
        """The reading, the curve, and the position in the scenario."""
        plot, reading = load_plot(self.view), load_reading(self.view)
        if plot is None:
            return [((NO_CURVE, "dim"),)]
        if height < 4:
            return [_rates(reading, width)]
        position = spread(((reading.scenario, "dim"),), ((reading.position, "dim"),), width)
        return [_rates(reading, width), *draw_plot(plot, width, height - 2), position]


def _rates(reading: LoadReading, width: int) -> Row:
    if reading.note is not None:
        return spans(reading.note)
    left: Row = ()
    for fact in reading.rates:
        lead = "  " if left else ""
        left = (*left, (f"{lead}{fact.name.text} ", fact.name.tone), *spans(fact.value))
    return spread(left, ((f"{reading.users}  ", "dim"), *spans(reading.factor)), width)
