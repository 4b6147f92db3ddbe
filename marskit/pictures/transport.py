"""Where a replay is, as HTML: one line, and a bar with the violations and the actions of the run."""

from html import escape

from marskit.pictures.tones import FONT, colour, span, svg, svg_text
from marskit.views.replay import REPLAY, TransportView
from marskit.views.tone import Tone

_WIDTH, _HEIGHT, _LINE = 1000.0, 24.0, 9.0
"""Size of the bar in pixels, and how far down its line is."""


def transport_html(view: TransportView, *, is_live: bool = False) -> str:
    """The line above the bar; `is_live` lets a person move along the bar."""
    left = [
        span(REPLAY, Tone.ACCENT),
        span(view.does.text, view.does.tone),
        span(view.pace, Tone.ACCENT),
        span(view.where, Tone.STRONG),
        span(view.clock, Tone.PLAIN),
    ]
    right = [span(view.note, Tone.PERSON), span(view.step, Tone.DIM), span(view.fingerprint, Tone.DIM)]
    said = "".join(f"<span>{part}</span>" for part in [*left, *right] if part)
    line = f'<div style="{FONT}; display: flex; flex-wrap: wrap; gap: 4px 14px; color: inherit">{said}</div>'
    act = (
        f' data-bar tabindex="0" role="slider" aria-label="{REPLAY}" aria-valuemin="0" aria-valuemax="1" '
        f'aria-valuenow="{view.at:.4f}" aria-valuetext="{escape(view.clock)}" style="cursor: pointer"'
        if is_live
        else ""
    )
    return f"{line}<div{act}>{_bar(view)}</div>"


def _bar(view: TransportView) -> str:
    """Violations are blocks below the line and actions are arrows, so that they differ without colour."""
    head = _WIDTH * view.at
    parts = [
        _across(0, _WIDTH, 2, "currentColor", ' stroke-opacity="0.3"'),
        _across(0, head, 4, colour(Tone.ACCENT)),
        *(
            f'<rect x="{_WIDTH * since:.1f}" y="{_LINE + 3:g}" height="5" '
            f'width="{max(2.0, _WIDTH * (until - since)):.1f}" fill="{colour(Tone.BAD)}"/>'
            for since, until in view.marks.violated
        ),
        *(
            svg_text(_WIDTH * at, _HEIGHT, "▲", Tone.PERSON, anchor="middle", size=8)
            for at in view.marks.actions
        ),
        f'<circle cx="{head:.1f}" cy="{_LINE:g}" r="6" fill="currentColor"/>',
    ]
    return svg(_WIDTH, _HEIGHT, view.clock, parts)


def _across(since: float, until: float, thick: float, stroke: str, more: str = "") -> str:
    return (
        f'<line x1="{since:.1f}" y1="{_LINE:g}" x2="{until:.1f}" y2="{_LINE:g}" stroke="{stroke}" '
        f'stroke-width="{thick:g}"{more}/>'
    )
