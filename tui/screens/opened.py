"""The documents that Enter and the help key open over the screen."""

from collections.abc import Sequence

from marskit.domain.records import Phase
from marskit.domain.state import State
from marskit.tui.key_names import shown, spoken
from marskit.tui.keys import Key
from marskit.tui.screens.document import DocumentScreen
from marskit.tui.screens.live import LiveScreen
from marskit.views.actions import LOG, log_document
from marskit.views.help import help_document
from marskit.views.nodes import node_document
from marskit.views.phases import phase_document
from marskit.views.review import REVIEW, review_document
from marskit.views.summary import clock_words, cycle_words

_KEY = 5
"""Cells for a key before its sentence."""


def opened(live: LiveScreen) -> DocumentScreen:
    """Everything about the selection in the focused panel."""
    focused, node, phase = live.focused, live.topology.selected, live.rail.selected
    if focused is live.log_panel:
        return DocumentScreen(LOG, log_document, live.state, dated=clock_words)
    if focused is live.topology and node is not None:
        return DocumentScreen(node, lambda state: node_document(state, node), live.state, dated=clock_words)
    if live.reviews:
        return DocumentScreen(
            REVIEW,
            lambda state: review_document(state) or phase_document(state, Phase.EXECUTE),
            live.state,
            dated=clock_words,
        )
    return DocumentScreen(
        phase.capitalize(), lambda state: phase_document(state, phase), live.state, dated=cycle_words
    )


def help_screen(state: State, keys: Sequence[Key]) -> DocumentScreen:
    """The help."""
    document = help_document(
        [key.control for key in keys],
        key=lambda does: shown(does).rjust(_KEY),
        spoken=spoken,
        moving="Tab moves between mesh, rail and log; select with the arrow keys or the mouse.",
    )
    return DocumentScreen("marskit", lambda _: document, state)
