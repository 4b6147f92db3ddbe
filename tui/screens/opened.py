"""The documents that Enter and the help key open over the screen."""

from collections.abc import Sequence

from marskit import text
from marskit.domain.records import Phase
from marskit.domain.state import State
from marskit.tui.help import help_document
from marskit.tui.keys import Key
from marskit.tui.screens.document import DocumentScreen
from marskit.tui.screens.live import LiveScreen
from marskit.views.actions import log_document
from marskit.views.nodes import node_document
from marskit.views.phases import phase_document
from marskit.views.review import review_document


def opened(live: LiveScreen) -> DocumentScreen:
    """Everything about the selection in the focused panel."""
    focused, node, phase = live.focused, live.topology.selected, live.rail.selected
    if focused is live.log_panel:
        return DocumentScreen("log", log_document, live.state, dated=_time)
    if focused is live.topology and node is not None:
        return DocumentScreen(node, lambda state: node_document(state, node), live.state, dated=_time)
    if live.reviews:
        return DocumentScreen(
            "review",
            lambda state: review_document(state) or phase_document(state, Phase.EXECUTE),
            live.state,
            dated=_time,
        )
    return DocumentScreen(
        phase.capitalize(), lambda state: phase_document(state, phase), live.state, dated=_cycle
    )


def _time(state: State) -> str:
    return text.clock(state.now_s)


def _cycle(state: State) -> str:
    return f"cycle {state.cycle.id}" if state.cycle is not None else ""


def help_screen(state: State, keys: Sequence[Key]) -> DocumentScreen:
    """The help."""
    return DocumentScreen("marskit", lambda _: help_document(keys), state)
