"""The position of a replay, and the buttons and the bar with which a person moves it."""

from marskit.domain.state import State
from marskit.pictures.transport import transport_html
from marskit.views.controls import REPLAY_CONTROLS, Group, Standing, offered
from marskit.widgets.controls import button_html
from marskit.widgets.deck import MOVES
from marskit.widgets.panel import Panel


class Transport(Panel):
    """What a key moves on the terminal's screen; it is there for recordings only."""

    def picture(self, state: State) -> str:
        """The line, the bar, and one group of buttons for each kind of stop."""
        deck = self.listener.deck
        if deck is None:
            return ""
        view = deck.view
        moves = [control for control in REPLAY_CONTROLS if control.does in MOVES]
        usable = offered(moves, Standing(running=view.playing))
        groups = (
            "".join(button_html(each) for each in usable if each.group is group)
            for group in (Group.PLAY, Group.JUMP)
        )
        buttons = " ".join(f'<span style="margin-right: 12px">{group}</span>' for group in groups)
        return f"{transport_html(view, is_live=True)}<div>{buttons}</div>"

    def still(self, state: State) -> str:
        """Where it is, without buttons."""
        deck = self.listener.deck
        return transport_html(deck.view) if deck is not None else ""
