"""The log of actions as HTML, newest first."""

from collections.abc import Sequence

from marskit.pictures.tones import FONT, span
from marskit.views.actions import LogRow
from marskit.views.tone import Tone


def log_html(rows: Sequence[LogRow]) -> str:
    """One line for each row."""
    lines = "".join(
        f'<div style="display: flex; gap: 8px">{span(row.time, Tone.DIM)}{span(row.symbol, row.tone)}'
        f'<span style="min-width: 4.5em">{span(row.who, Tone.DIM)}</span>'
        f'<span style="flex: 1">{span(row.text, _text_tone(row))}</span></div>'
        for row in rows
    )
    return f'<div role="log" style="{FONT}; color: inherit">{lines}</div>'


def _text_tone(row: LogRow) -> Tone:
    """Only what is wrong is coloured whole."""
    return row.tone if row.tone in (Tone.BAD, Tone.WARN) else Tone.PLAIN
