"""Curves over a stretch of time, with the ends of their axes, their legend and their marks."""

from collections.abc import Sequence
from dataclasses import dataclass

from marskit.views.tone import Fact, Tone


@dataclass(frozen=True, slots=True)
class Curve:
    """The points of one curve."""

    name: str
    points: tuple[tuple[float, float | None], ...]
    """`(x, y)`; y is None where the value is unknown."""
    tone: Tone
    is_dotted: bool = False
    """Whether it is told from the others by its shape too."""


@dataclass(frozen=True, slots=True)
class Upright:
    """A moment that is marked by a vertical line."""

    at: float
    tone: Tone
    symbol: str = ""
    """Stands under the line: what kind of moment it is."""
    text: str = ""
    """What happened then."""


@dataclass(frozen=True, slots=True)
class PlotView:
    """One plot; curves that come later are drawn over the others."""

    title: str
    curves: tuple[Curve, ...]
    x_min: float
    x_max: float
    y_max: float
    top: str
    """The label at the upper end of the axis; the lower end is 0."""
    since: str = ""
    """The label at the left end of the time axis."""
    until: str = ""
    """The label at its right end."""
    level: float | None = None
    """The height of a line across, such as an SLO."""
    uprights: tuple[Upright, ...] = ()
    legend: tuple[Fact, ...] = ()
    """The curves with their newest values."""
    short_title: str = ""
    """The title where there is little room, if there is a shorter one."""
    bottom: str = "0"


def nice_max(values: Sequence[float], least: float) -> float:
    """An axis end that is easy to read: the next of 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten."""
    highest = max((*values, least))
    power = 1.0
    while power * 10 <= highest:
        power *= 10
    while power > highest:
        power /= 10
    return next((s * power for s in (1, 1.5, 2, 3, 4, 5, 6, 8) if s * power >= highest), 10 * power)
