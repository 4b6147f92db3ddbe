"""A small list to choose from, with the arrow keys and Enter or with a number."""

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from marskit.domain.commands import Command
from marskit.views.intents import Prompt


class Picker(ModalScreen[Command | None]):
    """Returns the command of the chosen option, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss(None)", "cancel")]

    def __init__(self, question: Prompt) -> None:
        super().__init__()
        self.question = question

    def compose(self) -> ComposeResult:
        """The question and its options."""
        wide = max(len(option.label) for option in self.question.options)
        with Vertical(classes="sheet"):
            yield Static(self.question.title, classes="title", markup=False)
            options = OptionList(
                *(
                    Option(f"{number} {option.label.ljust(wide)}  {option.note}".rstrip())
                    for number, option in enumerate(self.question.options, 1)
                ),
                markup=False,
            )
            options.highlighted = self.question.preselected
            yield options
            yield Static("↵ choose   esc cancel", classes="hint", markup=False)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Choose with Enter or a click."""
        self.dismiss(self.question.options[event.option_index].command)

    def on_key(self, event: events.Key) -> None:
        """Choose with the number of an option."""
        if (
            event.character
            and event.character.isdigit()
            and 1 <= int(event.character) <= len(self.question.options)
        ):
            event.stop()
            self.dismiss(self.question.options[int(event.character) - 1].command)
