"""The live screen on a recording: the same panels, with the transport between them and the keys."""

from collections.abc import Sequence

from textual.app import ComposeResult

from marskit.domain.state import State
from marskit.tui.keys import Key
from marskit.tui.screens.live import LiveScreen
from marskit.tui.widgets.transport import Transport
from marskit.views.alert import AlertView, recorded_alert
from marskit.views.controls import Standing
from marskit.views.loop import LoopView, loop_view
from marskit.views.replay import TransportView, recorded_loop
from marskit.views.summary import SummaryView, recorded_summary


class ReplayScreen(LiveScreen):
    """Shows one moment of a recorded run."""

    def __init__(self, state: State, keys: Sequence[Key]) -> None:
        super().__init__(state, keys)
        self.log_panel.hint = None
        self.transport = Transport(TransportView(), id="transport")

    def compose(self) -> ComposeResult:
        """Insert the transport above the keys."""
        for widget in super().compose():
            if widget is self.key_bar:
                yield self.transport
            yield widget

    def summary(self, state: State) -> SummaryView:
        """The header, in which the recorded run neither runs nor pauses: the transport says what plays."""
        return recorded_summary(state)

    def loop(self, state: State) -> LoopView:
        """The rail without keys that would be refused."""
        return recorded_loop(loop_view(state))

    def alert(self, state: State) -> AlertView:
        """The banner, with an approval shown as past."""
        return recorded_alert(state)

    def key_view(self, state: State) -> Standing:
        """The player, not the run, decides which keys are shown."""
        return Standing(self.transport.view.playing, small=self.has_class("-short"))

    def show_transport(self, view: TransportView) -> None:
        """Draw the transport, and the label of the space key."""
        self.transport.show(view)
        self.key_bar.show(self.key_view(self.state))

    def _follow(self, before: State, after: State) -> None:
        """Leave the selection alone while playing; only a step selects another phase."""

    def turn_to_phase(self) -> None:
        """Select the phase that a step reached."""
        if self.state.cycle is not None:
            self.rail.selected = self.state.cycle.phase
            self._phase_selected()
