"""Plots as SVG, one below another, and with them the curves of one service."""

from collections.abc import Callable, Sequence
from html import escape

from marskit.pictures.tones import colour, svg, svg_text
from marskit.views.plots import Curve, PlotView, Upright
from marskit.views.series import NO_POINTS, SeriesView, series_plots
from marskit.views.tone import Tone

_WIDTH, _HEIGHT = 640.0, 84.0
_LEFT, _RIGHT, _TOP, _BETWEEN = 74.0, 8.0, 18.0, 34.0
_LETTER = 6.2
"""Width of a letter of the legend, to place its entries."""

Axis = Callable[[float], float]
"""From a value to pixels."""


def series_svg(view: SeriesView) -> str:
    """The plots of a service: latency with its SLO, traffic and replicas, with marks of what was done."""
    if not view.points or view.span_s <= 0:
        return svg(420, 40, NO_POINTS, [svg_text(8, 24, NO_POINTS, Tone.DIM)])
    return plots_svg(series_plots(view), view.service)


def plots_svg(plots: Sequence[PlotView], title: str) -> str:
    """Plots one below another.

    Args:
        plots: The plots; they need not have the same axes.
        title: The title of the picture, for those who do not see it.
    """
    parts: list[str] = []
    for row, plot in enumerate(plots):
        parts += _plot(plot, _TOP + row * (_HEIGHT + _BETWEEN))
    return svg(_WIDTH, _TOP + len(plots) * (_HEIGHT + _BETWEEN), title, parts)


def _plot(plot: PlotView, top: float) -> list[str]:
    wide, bottom = _WIDTH - _LEFT - _RIGHT, top + _HEIGHT
    span = (plot.x_max - plot.x_min) or 1.0

    def x(value: float) -> float:
        return _LEFT + wide * (value - plot.x_min) / span

    def y(value: float) -> float:
        return bottom - _HEIGHT * min(1.0, value / (plot.y_max or 1.0))

    return [
        f'<rect x="{_LEFT:g}" y="{top:g}" width="{wide:g}" height="{_HEIGHT:g}" fill="none" '
        'stroke="currentColor" stroke-opacity="0.2"/>',
        svg_text(_LEFT, top - 5, plot.title, Tone.STRONG, size=11),
        svg_text(_LEFT - 6, top + 10, plot.top, Tone.DIM, anchor="end", size=11),
        svg_text(_LEFT - 6, bottom, plot.bottom, Tone.DIM, anchor="end", size=11),
        svg_text(_LEFT, bottom + 14, plot.since, Tone.DIM, size=11),
        svg_text(_WIDTH - _RIGHT, bottom + 14, plot.until, Tone.DIM, anchor="end", size=11),
        *_legend(plot, top - 5),
        *([] if plot.level is None else [_across(y(plot.level))]),
        *(_curve(curve, x, y) for curve in plot.curves),
        *(_upright(each, x(each.at), top, bottom) for each in plot.uprights),
    ]


def _legend(plot: PlotView, y: float) -> list[str]:
    """The entries of the legend, from the right."""
    right, parts = _WIDTH - _RIGHT, []
    for fact in reversed(plot.legend):
        for piece in (fact.value, fact.name):
            parts.append(svg_text(right, y, piece.text, piece.tone, anchor="end", size=11))
            right -= _LETTER * len(piece.text) + 5
        right -= 9
    return parts


def _across(y: float) -> str:
    return (
        f'<path d="M{_LEFT:g} {y:.1f}H{_WIDTH - _RIGHT:g}" stroke="{colour(Tone.SLO)}" '
        'stroke-dasharray="5 4" fill="none"/>'
    )


def _curve(curve: Curve, x: Axis, y: Axis) -> str:
    steps: list[str] = []
    drawing = False
    for at, value in curve.points:
        if value is not None:
            steps.append(f"{'L' if drawing else 'M'}{x(at):.1f} {y(value):.1f}")
        drawing = value is not None
    dots = ' stroke-dasharray="1.5 3"' if curve.is_dotted else ""
    return (
        f'<path d="{"".join(steps)}" fill="none" stroke="{colour(curve.tone)}" stroke-width="1.6"{dots}>'
        f"<title>{escape(curve.name)}</title></path>"
    )


def _upright(mark: Upright, x: float, top: float, bottom: float) -> str:
    symbol = svg_text(x, bottom + 14, mark.symbol, mark.tone, anchor="middle", size=11)
    return (
        f'<g><path d="M{x:.1f} {top:g}V{bottom:.1f}" stroke="{colour(mark.tone)}" stroke-opacity="0.5" '
        f'stroke-dasharray="2 3"/>{symbol}<title>{escape(mark.text)}</title></g>'
    )
