"""The live screen on a recording: the same panels, and the transport between them and the keys."""

from collections.abc import Sequence

from textual.app import ComposeResult

from marskit.domain.actions import describe
from marskit.domain.state import State
from marskit.tui.keys import Key
from marskit.tui.screens.live import LiveScreen
from marskit.tui.widgets.keybar import KeyBarView
from marskit.tui.widgets.transport import Transport
from marskit.views.alert import AlertView, alert_view
from marskit.views.replay import TransportView
from marskit.views.tone import SYMBOLS, Tone


class ReplayScreen(LiveScreen):
    """Shows the state of one moment of a recorded run."""

    def __init__(self, state: State, keys: Sequence[Key]) -> None:
        super().__init__(state, keys)
        self.log_panel.hint = ((".", "dim"),)
        self.transport = Transport(TransportView(), id="transport")

    def compose(self) -> ComposeResult:
        """The transport stands above the keys."""
        for widget in super().compose():
            if widget is self.key_bar:
                yield self.transport
            yield widget

    def alert(self, state: State) -> AlertView:
        """Nobody can decide any more what was waited for then."""
        cycle = state.cycle
        if state.ended is None and cycle is not None and cycle.awaiting_approval:
            plan = "; ".join(describe(action) for action in cycle.plan.actions) if cycle.plan else ""
            return AlertView(f"{SYMBOLS[Tone.WARN]} A plan waited for a person: {plan}", Tone.WARN)
        return alert_view(state)

    def key_view(self, state: State) -> KeyBarView:
        """The keys depend on the player, not on the run."""
        return KeyBarView(self.transport.view.playing, small=self.has_class("-short"))

    def show_transport(self, view: TransportView) -> None:
        """Draw the transport, and the keys that say what space does now."""
        self.transport.show(view)
        self.key_bar.show(self.key_view(self.state))

    def _follow(self, before: State, after: State) -> None:
        """Only a step turns to another phase; while it plays, stay where the person looks."""

    def turn_to_phase(self) -> None:
        """Turn to the phase that a step reached."""
        if self.state.cycle is not None:
            self.rail.selected = self.state.cycle.phase
            self._phase_selected()
