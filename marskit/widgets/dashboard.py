"""A dashboard: the panels of one run, laid out, with the bridge that draws them."""

import threading
from collections.abc import Mapping
from typing import Any, ClassVar

from ipywidgets import Box, Layout

from marskit.domain.commands import Pause
from marskit.domain.records import Phase
from marskit.domain.state import State
from marskit.errors import UserError
from marskit.replay.player import Player
from marskit.views.controls import Move
from marskit.widgets import panels
from marskit.widgets.attendance import Attendance, Patience
from marskit.widgets.bridge import Bridge
from marskit.widgets.cell import running_cell
from marskit.widgets.choice import Choice
from marskit.widgets.controls import Controls
from marskit.widgets.deck import MOVES, Deck
from marskit.widgets.hand import Hand
from marskit.widgets.panel import Panel
from marskit.widgets.source import Shown
from marskit.widgets.transport import Transport

PANELS: Mapping[str, type[Panel]] = {
    "header": panels.Header,
    "controls": Controls,
    "transport": Transport,
    "topology": panels.Topology,
    "rail": panels.Rail,
    "detail": panels.Detail,
    "series": panels.Series,
    "load": panels.Load,
    "log": panels.Log,
}
"""The panels by name, in the order in which they are laid out."""
_HALVES = ("detail", "series", "load", "log")
"""Panels that stand beside each other where there is room."""
_LIVE_ONLY, _RECORDED_ONLY = "controls", "transport"


class Dashboard(Box):  # type: ignore[misc] # ipywidgets has no types
    """Panels of a lab or a replay; all of them, or those that are named."""

    _open: ClassVar[list["Dashboard"]] = []
    """Dashboards that are drawn. A run that one of them shows is not left alone for the sake of another."""
    _ended: ClassVar[list["Dashboard"]] = []
    """Dashboards whose run is over: they are shown until the next one is made, and freed then."""

    def __init__(self, shown: Shown, *names: str, patience: Patience = Patience()) -> None:  # noqa: B008 # frozen
        """Show `shown`; without names, every panel.

        Raises:
            UserError: There is no panel of that name, or not for a recording, or for nothing else.
        """
        self._bridge: Bridge | None = None
        self.deck: Deck | None = None
        self.panels: dict[str, Panel] = {}
        super().__init__(layout=Layout(display="flex", flex_flow="row wrap", width="100%"))
        recorded = isinstance(shown.runtime, Player)
        usable = [name for name in PANELS if name != (_LIVE_ONLY if recorded else _RECORDED_ONLY)]
        unknown = [name for name in names if name not in usable]
        if unknown:
            self.close()
            raise UserError(f'There is no panel "{unknown[0]}"; there are {", ".join(usable)}.')
        self._cell = running_cell()
        while Dashboard._ended:
            Dashboard._ended.pop().close()
        if self._cell is not None:
            # No page shows them any more, but ipywidgets would keep them, and the bridge would draw them.
            for each in [each for each in Dashboard._open if self._cell.replaces(each._cell)]:
                each.close()
        self._shown = shown
        self._source = shown.runtime
        self._choice = Choice()
        self.hand = Hand(self._source, self._choice, self._poke)
        if isinstance(self._source, Player):
            self.deck = Deck(self._source, self._poke)
        wanted = names or usable
        self.panels = {name: PANELS[name](self, self._choice) for name in wanted}
        self._attendance = Attendance(patience, self._leave_paused, self._leave)
        self.children = [self._placed(name, panel) for name, panel in self.panels.items()]
        self._bridge = Bridge(self._source, tuple(self.panels.values()), self._attendance.look)
        Dashboard._open.append(self)
        shown.at_close(self.end)

    @property
    def state(self) -> State:
        """The newest state."""
        return self._source.state

    def heard(self, panel: Panel, message: Mapping[str, Any]) -> None:
        """Take one message of the page, on the thread that it came in on."""
        for each in tuple(Dashboard._open):
            if each._shown is self._shown:
                each._attendance.heard()
        if self._bridge is not None:
            self._bridge.follow()
        if node := message.get("node"):
            self._choice.node = node
        elif phase := message.get("phase"):
            self._choice.phase = Phase(phase)
            self._choice.put_away = self._choice.plan_of(self.state)
        elif "option" in message and message["option"] is not None:
            self.hand.answer(int(message["option"]))
        elif "at" in message and self.deck is not None:
            self.deck.go_to(float(message["at"]))
        elif wish := message.get("do"):
            self._do(wish, panel.drawn)
        else:
            return
        self._poke()

    def end(self) -> None:
        """Draw the last state, and draw no more. Idempotent."""
        bridge, self._bridge = self._bridge, None
        if self in Dashboard._open:
            Dashboard._open.remove(self)
        if self.deck is not None:
            self.deck.close()
        if bridge is not None:
            bridge.close()
            Dashboard._ended.append(self)

    def close(self) -> None:
        """End, and free what the notebook keeps of the panels."""
        self.end()
        if self in Dashboard._ended:
            Dashboard._ended.remove(self)
        for panel in self.panels.values():
            panel.close()
        super().close()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """The live dashboard, and the present pictures for pages without a kernel."""
        live = super()._repr_mimebundle_(**kwargs)
        pictures = "".join(
            f'<div style="margin: 6px 0">{picture}</div>'
            for panel in self.panels.values()
            if (picture := panel.still(self.state))
        )
        if isinstance(live, tuple):
            return {**live[0], "text/html": pictures}, live[1]
        return {**live, "text/html": pictures}

    def _placed(self, name: str, panel: Panel) -> Panel:
        half = name in _HALVES
        panel.layout = Layout(flex="1 1 420px" if half else "1 1 100%", min_width="0", margin="3px")
        return panel

    def _poke(self) -> None:
        if self._bridge is not None:
            self._bridge.poke()

    def _do(self, wish: str, drawn: State) -> None:
        """A recording is moved, and the phase that was reached is shown; a run is told."""
        if self.deck is None or wish not in MOVES:
            self.hand.do(wish, drawn)
            return
        move = Move(wish)
        self.deck.do(move)
        if move not in (Move.PLAY, Move.PLAY_SLOWER, Move.PLAY_FASTER) and self.state.cycle is not None:
            self._choice.phase = self.state.cycle.phase

    def _leave_paused(self) -> None:
        if self.deck is not None:
            self.deck.pause()
        elif self.state.running and self.state.ended is None:
            self.hand.notice = "The run was paused, because no page has shown it for a while."
            self._source.submit(Pause())

    def _leave(self) -> None:
        """Not on the bridge's thread, which ends with the run."""
        close = getattr(self._shown, "close", None)
        if close is not None:
            threading.Thread(target=close, name="marskit-leave", daemon=True).start()
