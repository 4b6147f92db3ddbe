"""The rail of the loop as HTML: five boxes, one for each phase."""

from html import escape

from marskit.domain.records import Phase
from marskit.pictures.tones import FONT, colour, span
from marskit.views.loop import LoopView, PhaseStatus, PhaseView
from marskit.views.tone import Tone

_TONES = {PhaseStatus.ACTIVE: Tone.ACCENT, PhaseStatus.WAITING: Tone.WARN, PhaseStatus.DONE: Tone.PLAIN}


def rail_html(view: LoopView, *, selected: Phase | None = None, is_live: bool = False) -> str:
    """The rail, without a script; `is_live` lets a person select phases."""
    boxes = "".join(
        _box(phase, is_selected=phase.phase is selected, is_live=is_live) for phase in view.phases
    )
    return (
        f'<div role="list" style="{FONT}; display: flex; flex-wrap: wrap; gap: 6px; color: inherit">'
        f"{boxes}</div>"
    )


def _box(phase: PhaseView, *, is_selected: bool, is_live: bool) -> str:
    edge = colour(_TONES.get(phase.status, Tone.DIM))
    faint = " opacity: 0.55;" if phase.status is PhaseStatus.IDLE or phase.is_stale else ""
    lines = [
        f"<div>{span(phase.title, Tone.STRONG)} {span(phase.age, Tone.DIM)}</div>",
        f"<div>{span(phase.headline, phase.tone)}</div>",
        *(f'<div style="font-size: 0.9em">{span(fact, Tone.DIM)}</div>' for fact in phase.facts),
    ]
    act = f' data-phase="{phase.phase}" tabindex="0"' if is_live else ""
    shadow = f" box-shadow: 0 0 0 1px {edge};" if is_selected else ""
    return (
        f'<div role="listitem" title="{escape(phase.status)}"{act} style="flex: 1 1 130px; min-width: 130px; '
        f'padding: 4px 8px; border: 1px solid {edge}; border-radius: 4px;{faint}{shadow}">'
        f"{''.join(lines)}</div>"
    )
