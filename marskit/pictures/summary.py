"""The lines above and beside the pictures, as HTML: what is run, what it does, its verdict, its load."""

from html import escape

from marskit.pictures.tones import FONT, colour, span
from marskit.views.alert import AlertView
from marskit.views.controls import CONTROLS, Intent
from marskit.views.load import LoadReading
from marskit.views.summary import SummaryView
from marskit.views.tone import Tone

_LINE = f"{FONT}; display: flex; flex-wrap: wrap; gap: 4px 14px; color: inherit"


def title_html(title: str) -> str:
    """The title of a panel."""
    return f'<div style="{FONT}; font-weight: 600; color: {colour(Tone.ACCENT)}">{escape(title)}</div>'


def summary_html(view: SummaryView) -> str:
    """The run on the left, its state and clock on the right."""
    verdict = view.verdict
    choices = (view.mesh, view.scenario, view.planner, str(view.mode)) if view.mesh else ()
    left = span(" › ".join(choices), Tone.STRONG)
    right = [
        span(f"{view.symbol} {view.situation}", view.activity_tone),
        span(view.cycle_words, Tone.DIM),
        span(f"{verdict.symbol} {verdict.verdict}" if verdict.verdict else "", verdict.tone),
        span(verdict.live, verdict.live_tone),
        span(view.clock, Tone.STRONG),
    ]
    said = "".join(f"<span>{each}</span>" for each in right if each)
    return f'<div style="{_LINE}"><span style="flex: 1 1 240px">{left}</span>{said}</div>'


def alert_html(view: AlertView, *, is_live: bool = False) -> str:
    """The sentence that a person must see now; empty if there is none.

    Args:
        view: The sentence and what can be done about it.
        is_live: Whether that is offered as buttons; a saved picture offers nothing.
    """
    if not view.text:
        return ""
    buttons = "".join(
        f'<button data-do="{escape(control.does)}" title="{escape(control.help)}" class="marskit-urgent">'
        f"{escape(control.label)}</button>"
        for hint in view.hints
        for control in CONTROLS
        if is_live and control.does is hint.does and isinstance(hint.does, Intent)
    )
    return (
        f'<div role="alert" style="{FONT}; padding: 3px 8px; margin-top: 4px; border-left: 4px solid '
        f'{colour(view.tone)}; font-weight: 600">{escape(view.text)} {buttons}</div>'
    )


def load_html(reading: LoadReading) -> str:
    """The newest reading of the load in one line."""
    parts = [
        *([span(reading.note.text, reading.note.tone)] if reading.note else []),
        *(f"{_fact(fact.name.text)} {span(fact.value.text, fact.value.tone)}" for fact in reading.rates),
        span(reading.users, Tone.DIM),
        span(reading.factor.text, reading.factor.tone),
        span(reading.position, Tone.DIM),
    ]
    said = "".join(f"<span>{part}</span>" for part in parts if part)
    return f'<div style="{_LINE}">{said}</div>'


def _fact(name: str) -> str:
    return span(name, Tone.DIM)
