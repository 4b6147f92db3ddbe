"""A question before something that cannot be taken back."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static


class Confirm(ModalScreen[bool]):
    """Returns whether a person agrees: `y`, Enter, or the key that asked once more."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "dismiss(True)", "yes"),
        Binding("escape,n", "dismiss(False)", "no"),
    ]

    def __init__(self, question: str, *, key: str, yes: str) -> None:
        super().__init__()
        self.question = question
        self._hint = f"y or {key}  {yes}   esc  stay"
        if len(key) == 1:
            self._bindings.bind(key, "dismiss(True)")

    def compose(self) -> ComposeResult:
        """The question and its keys."""
        with Vertical(classes="sheet"):
            yield Static(self.question, classes="question", markup=False)
            yield Static(self._hint, classes="hint", markup=False)
