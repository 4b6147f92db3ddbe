"""Curves of one service as SVG: latency with its objective, rates, replicas, and marks of what was done."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from marskit import text
from marskit.pictures.tones import colour, svg, svg_text
from marskit.views.series import Mark, MarkKind, Point, SeriesView
from marskit.views.tone import Tone

_WIDTH, _HEIGHT = 640.0, 84.0
_LEFT, _TOP, _BETWEEN = 74.0, 18.0, 22.0
_MARKS = {MarkKind.ACTION: Tone.ACCENT, MarkKind.PERSON: Tone.PERSON, MarkKind.FAULT: Tone.BAD}
_NOTHING_YET = "Curves appear here when the mesh has been observed."

Samples = Sequence[tuple[float, float | None]]
"""`(at_s, value)`; None interrupts the curve."""


@dataclass(frozen=True, slots=True)
class _Curve:
    name: str
    tone: Tone
    of: Callable[[Point], float | None]


@dataclass(frozen=True, slots=True)
class _Plot:
    curves: tuple[_Curve, ...]
    words: Callable[[float | None], str]


_PLOTS = (
    _Plot((_Curve("p95", Tone.ACCENT, lambda point: point.p95_ms),), text.ms),
    _Plot(
        (
            _Curve("req/s", Tone.OK, lambda point: point.requests_per_s),
            _Curve("failed/s", Tone.BAD, lambda point: point.failures_per_s),
        ),
        text.number,
    ),
    _Plot(
        (
            _Curve("ready", Tone.OK, lambda point: point.replicas_ready),
            _Curve("desired", Tone.WARN, lambda point: point.replicas_desired),
        ),
        text.number,
    ),
)


def series_svg(view: SeriesView) -> str:
    """The three plots of a service, one below another, on one time axis."""
    if not view.points or view.span_s <= 0:
        return svg(420, 40, _NOTHING_YET, [svg_text(8, 24, _NOTHING_YET, Tone.DIM)])
    since_s = view.now_s - view.span_s

    def x(at_s: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - 8) * (at_s - since_s) / view.span_s

    parts: list[str] = []
    for row, plot in enumerate(_PLOTS):
        limit = view.slo_ms if row == 0 else None
        parts += _plot(view, plot, _TOP + row * (_HEIGHT + _BETWEEN), limit, x)
    bottom = _TOP + len(_PLOTS) * (_HEIGHT + _BETWEEN) - _BETWEEN
    parts += [_mark(mark, x(mark.at_s), bottom) for mark in view.marks]
    parts.append(svg_text(_LEFT, bottom + 16, text.clock(max(0.0, since_s)), Tone.DIM, size=11))
    parts.append(svg_text(_WIDTH - 8, bottom + 16, text.clock(view.now_s), Tone.DIM, anchor="end", size=11))
    return svg(_WIDTH, bottom + 24, view.service, parts)


def curve_path(samples: Samples, x: Callable[[float], float], y: Callable[[float], float]) -> str:
    """The `d` of a curve, interrupted where a value is not known."""
    steps: list[str] = []
    drawing = False
    for at_s, value in samples:
        if value is not None:
            steps.append(f"{'L' if drawing else 'M'}{x(at_s):.1f} {y(value):.1f}")
        drawing = value is not None
    return "".join(steps)


def _plot(
    view: SeriesView, plot: _Plot, top: float, limit: float | None, x: Callable[[float], float]
) -> list[str]:
    values = [
        value for curve in plot.curves for point in view.points if (value := curve.of(point)) is not None
    ]
    most = max([*values, *([limit] if limit is not None else [])], default=0.0) or 1.0

    def y(value: float) -> float:
        return top + _HEIGHT * (1.0 - value / most)

    parts = [
        f'<rect x="{_LEFT:g}" y="{top:g}" width="{_WIDTH - _LEFT - 8:g}" height="{_HEIGHT:g}" fill="none" '
        'stroke="currentColor" stroke-opacity="0.2"/>',
        svg_text(_LEFT - 6, top + 10, plot.words(most), Tone.DIM, anchor="end", size=11),
        svg_text(_LEFT - 6, top + _HEIGHT, plot.words(0.0), Tone.DIM, anchor="end", size=11),
    ]
    title = view.service if limit is not None or plot is _PLOTS[0] else ""
    parts.append(svg_text(_LEFT, top - 5, title, Tone.STRONG, size=11))
    for place, curve in enumerate(reversed(plot.curves)):
        at = _WIDTH - 8 - place * 70
        parts.append(svg_text(at, top - 5, curve.name, curve.tone, anchor="end", size=11))
    if limit is not None:
        parts.append(
            f'<path d="M{_LEFT:g} {y(limit):.1f}H{_WIDTH - 8:g}" stroke="{colour(Tone.WARN)}" '
            'stroke-dasharray="5 4" fill="none"/>'
        )
        parts.append(svg_text(_LEFT + 4, y(limit) - 3, f"SLO {plot.words(limit)}", Tone.WARN, size=10))
    for curve in plot.curves:
        path = curve_path([(point.at_s, curve.of(point)) for point in view.points], x, y)
        parts.append(f'<path d="{path}" fill="none" stroke="{colour(curve.tone)}" stroke-width="1.6"/>')
    return parts


def _mark(mark: Mark, x: float, bottom: float) -> str:
    tone = _MARKS[mark.kind]
    return (
        f'<g><path d="M{x:.1f} {_TOP:g}V{bottom:.1f}" stroke="{colour(tone)}" stroke-opacity="0.5" '
        f'stroke-dasharray="2 3"/>{svg_text(x, bottom + 14, mark.symbol, tone, anchor="middle", size=11)}'
        f"{_tooltip(mark)}</g>"
    )


def _tooltip(mark: Mark) -> str:
    return f"<title>{escape(mark.text)}</title>"
