"""A branch beside the recording, over the replay."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from marskit.replay.branched import Branched
from marskit.tui.screens.training import Hints
from marskit.tui.widgets.branch import Beside
from marskit.views.branch import branch_view, kept_words


class BranchScreen(ModalScreen[None]):
    """Escape, Enter, q or w closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q,w", "dismiss(None)", "back")]

    def __init__(self, branched: Branched) -> None:
        super().__init__()
        self.beside = Beside(branch_view(branched), id="beside")
        self.hints = Hints((("esc", f"back   {kept_words(branched)}", "dismiss(None)"),), id="hints")

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        with Vertical():
            yield self.beside
            yield self.hints
