"""Curves over a stretch of time: an axis on the left, braille in the middle."""

from collections.abc import Sequence

from marskit.tui.drawing.braille import Braille
from marskit.tui.drawing.cells import nearest
from marskit.tui.drawing.rows import Row, length, spans
from marskit.views.plots import PlotView
from marskit.views.tone import Fact

AXIS = 8
"""Width of the axis with its numbers, in cells."""
DOTTED = 3
"""Columns of dots from one dot of a dotted curve to the next."""
UPRIGHTS = 4
"""Most uprights that go through the whole plot."""


def draw_plot(plot: PlotView, width: int, height: int) -> list[Row]:
    """The plot with its axis in exactly `height` rows."""
    braille = Braille(max(1, width - AXIS - 1), height)
    span = (plot.x_max - plot.x_min) or 1.0
    top = braille.dots - 1

    def at(x: float, y: float) -> tuple[int, int]:
        return (
            nearest((x - plot.x_min) / span * (braille.columns - 1)),
            nearest(min(max(y, 0.0), plot.y_max) / plot.y_max * top),
        )

    # Many uprights would hide the curves: they become ticks.
    high = braille.dots if len(plot.uprights) <= UPRIGHTS else 3
    for upright in plot.uprights:
        column = at(upright.at, 0.0)[0]
        for y in range(0, high, 3):
            braille.dot(column, y, upright.tone)
    for curve in plot.curves:
        points = [None if y is None else at(x, y) for x, y in curve.points]
        braille.line(points, curve.tone, every=DOTTED if curve.is_dotted else 1)
    if plot.level is not None:
        braille.across(at(0.0, plot.level)[1], "slo")
    labels = {0: plot.top, height - 1: plot.bottom}
    if height == 1:
        labels = {0: plot.top}
    return [
        ((f"{labels.get(y, '').rjust(AXIS - 1)} ", "dim"), ("│" if y not in labels else "┤", "axis"), *row)
        for y, row in enumerate(braille.rows())
    ]


def times(plot: PlotView, width: int) -> Row:
    """The time axis below a plot: a symbol under every upright, and the ends where they hide none."""
    cells = max(1, width - AXIS - 1)
    symbols = [(" ", "dim")] * cells
    for upright in plot.uprights:
        # The cell of the upright: two dots make a cell.
        x = nearest((upright.at - plot.x_min) / ((plot.x_max - plot.x_min) or 1.0) * (2 * cells - 1)) // 2
        if 0 <= x < cells:
            symbols[x] = (upright.symbol or " ", upright.tone)
    for label, at in ((plot.since, 0), (plot.until, cells - len(plot.until))):
        if at >= 0 and all(symbol == " " for symbol, _ in symbols[at : at + len(label)]):
            symbols[at : at + len(label)] = [(char, "dim") for char in label]
    return ((" " * (AXIS + 1), "plain"), *symbols)


def legend_row(plot: PlotView, room: int) -> Row:
    """The legend, without what is extra where there is too little room."""
    whole = _legend(plot.legend)
    return whole if length(whole) <= room else _legend([fact for fact in plot.legend if not fact.is_extra])


def _legend(facts: Sequence[Fact]) -> Row:
    row: Row = ()
    for n, fact in enumerate(facts):
        # What may be left out brings the space after it, everything else the space before.
        lead = "  " if n and not facts[n - 1].is_extra else ""
        mark = f"{fact.mark} " if fact.mark else ""
        row = (*row, (f"{lead}{mark}{fact.name.text} ", fact.name.tone), *spans(fact.value))
        row = (*row, ("  ", "dim")) if fact.is_extra else row
    return row
