"""The base of all panels: one picture, made of the views, and the messages of those who look at it."""

from collections.abc import Mapping
from typing import Any, Protocol

import anywidget
import traitlets

from marskit.domain.state import State
from marskit.pictures.tones import span
from marskit.views.tone import Tone
from marskit.widgets.assets import MODULE, STYLES
from marskit.widgets.choice import Choice
from marskit.widgets.deck import Deck
from marskit.widgets.hand import Hand

WORDS = {
    "waits": "Waits for the cell that is running.",
    "stale": "Nothing has come from the kernel for some seconds: what is shown may be old.",
}
"""What the page says by itself, because the kernel cannot."""


_DELIVERED_TO = "_reply_subshell_id"


class Listener(Protocol):
    """Who takes what a person does in a panel."""

    def heard(self, panel: "Panel", message: Mapping[str, Any]) -> None:
        """Take one message of the page."""
        ...

    @property
    def state(self) -> State:
        """The newest state."""
        ...

    @property
    def hand(self) -> Hand:
        """Carries out what a person wishes."""
        ...

    deck: Deck | None
    """Moves what is shown, if that is a recording."""


class Panel(anywidget.AnyWidget):
    """One panel. Only the bridge writes its picture."""

    _esm = MODULE
    _css = STYLES
    kind = traitlets.Unicode().tag(sync=True)
    view = traitlets.Dict().tag(sync=True)
    """`{"html": ..., "number": ...}`."""
    words = traitlets.Dict(WORDS).tag(sync=True)

    def __init__(self, listener: Listener, choice: Choice) -> None:
        super().__init__(kind=type(self).__name__.lower())
        self.listener = listener
        self.choice = choice
        self.drawn = State()
        """The state of the newest picture: what a person decides on."""
        self.sent = 0
        self.acknowledged = 0
        self.on_msg(self._take)
        self.unbind()

    def picture(self, state: State) -> str:
        """The picture of a state, as HTML; everything in it comes from the views."""
        raise NotImplementedError

    def still(self, state: State) -> str:
        """The same for pages without a kernel; empty if there is nothing to be seen then."""
        return self.picture(state)

    def failed(self, error: Exception) -> str:
        """What it shows when its picture cannot be made, rather than an old picture."""
        what = f"{self.kind} cannot be drawn: {type(error).__name__}: {error}"
        return f'<div role="alert">{span(what, Tone.BAD)}</div>'

    def put(self, picture: str, state: State) -> None:
        """Send the picture of that state to the page."""
        self.drawn = state
        self.sent += 1
        self.view = {"html": picture, "number": self.sent}

    def beat(self) -> None:
        """Send a sign of life to the page."""
        self.send({"beat": True})

    def unbind(self) -> None:
        """Let the page's messages come in on the page's own subshell.

        ipykernel 7 delivers them to the shell that the comm last sent from, which for a new panel is that of
        the cell. The attribute is missing where a kernel knows no subshells.
        """
        if hasattr(self.comm, _DELIVERED_TO):
            delattr(self.comm, _DELIVERED_TO)

    def _take(self, _: object, message: Mapping[str, Any], buffers: object) -> None:
        if isinstance(number := message.get("seen"), int):
            # Several windows may show the panel: the quickest counts.
            self.acknowledged = min(self.sent, max(self.acknowledged, number))
        if "did" in message:
            self.send({"got": message["did"]})
        self.listener.heard(self, message)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """The live panel, and its present picture for pages without a kernel."""
        live = super()._repr_mimebundle_(**kwargs)
        if live is None:
            return None
        data, metadata = live
        return {**data, "text/html": self.still(self.listener.state)}, metadata
