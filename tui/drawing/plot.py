"""Curves over a stretch of time: an axis on the left, braille in the middle."""

from collections.abc import Sequence
from dataclasses import dataclass

from marskit.tui.drawing.braille import Braille
from marskit.tui.drawing.rows import Row

AXIS = 8
"""Width of the axis with its numbers, in cells."""
DOTTED = 3
"""Columns of dots from one dot of a dotted curve to the next."""
UPRIGHTS = 4
"""Most uprights that go through the whole plot."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The points of one curve as `(x, y)`; y is None where the value is unknown."""

    points: Sequence[tuple[float, float | None]]
    role: str
    is_dotted: bool = False
    """Whether it is told from the others by its shape too."""


@dataclass(frozen=True, slots=True)
class Plot:
    """The content of one plot."""

    curves: tuple[Curve, ...]
    x_min: float
    x_max: float
    y_max: float
    top: str
    """The label at the upper end of the axis."""
    level: float | None = None
    """The height of a dotted line across, such as an SLO."""
    uprights: tuple[tuple[float, str], ...] = ()
    """Dotted vertical lines: `(x, role)`."""


def nice_max(values: Sequence[float], least: float) -> float:
    """An axis end that is easy to read: the next of 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten."""
    highest = max((*values, least))
    power = 1.0
    while power * 10 <= highest:
        power *= 10
    while power > highest:
        power /= 10
    return next((s * power for s in (1, 1.5, 2, 3, 4, 5, 6, 8) if s * power >= highest), 10 * power)


def draw_plot(plot: Plot, width: int, height: int) -> list[Row]:
    """The plot with its axis in exactly `height` rows."""
    braille = Braille(max(1, width - AXIS - 1), height)
    span = (plot.x_max - plot.x_min) or 1.0
    top = braille.dots - 1

    def at(x: float, y: float) -> tuple[int, int]:
        return (
            round((x - plot.x_min) / span * (braille.columns - 1)),
            round(min(max(y, 0.0), plot.y_max) / plot.y_max * top),
        )

    # Many uprights would hide the curves: they become ticks.
    high = braille.dots if len(plot.uprights) <= UPRIGHTS else 3
    for x, role in plot.uprights:
        column = at(x, 0.0)[0]
        for y in range(0, high, 3):
            braille.dot(column, y, role)
    for curve in plot.curves:
        points = [None if y is None else at(x, y) for x, y in curve.points]
        braille.line(points, curve.role, every=DOTTED if curve.is_dotted else 1)
    if plot.level is not None:
        braille.across(at(0.0, plot.level)[1], "slo")
    labels = {0: plot.top, height - 1: "0"}
    if height == 1:
        labels = {0: plot.top}
    return [
        ((f"{labels.get(y, ''):>{AXIS - 1}} ", "dim"), ("│" if y not in labels else "┤", "axis"), *row)
        for y, row in enumerate(braille.rows())
    ]
