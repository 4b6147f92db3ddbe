"""A list to choose from, with the arrow keys, the mouse, by typing, or with a number if there are few."""

from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from marskit.views.find import NO_MATCH, Entry, count_words, found

V = TypeVar("V")
NUMBERED = 9
"""Longest list whose entries have a number: longer ones are found by typing, digits included."""


class Finder(ModalScreen[V | None], Generic[V]):
    """Returns the value of the chosen entry, or None.

    The screen itself reads the keys, in their order: no key is lost while it opens, and Enter chooses from
    what matches everything typed before it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "cancel")]
    AUTO_FOCUS = ""

    def __init__(self, title: str, entries: Sequence[Entry[V]], *, highlighted: int = 0) -> None:
        super().__init__()
        self.heading = title
        self.entries = tuple(entries)
        self.typed = ""
        self.matches = found(self.entries, "")
        self._first = highlighted
        self._keys = max((len(entry.key) for entry in self.entries), default=0)
        self._numbered = not self._keys and len(self.entries) <= NUMBERED
        self._list = OptionList(markup=False)
        self._list.can_focus = False
        self._line = Static(classes="typed", markup=False)

    def compose(self) -> ComposeResult:
        """The question, what is typed, and what matches."""
        with Vertical(classes="sheet finder"):
            yield Static(self.heading, classes="title", markup=False)
            yield self._line
            yield self._list
            number = " or its number" if self._numbered else ""
            yield Static(f"↵ choose{number}   ↑↓ select   esc cancel", classes="hint", markup=False)

    def on_mount(self) -> None:
        """Show all entries."""
        self._fill(self._first)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Choose with a click."""
        self._choose(event.option_index)

    def on_key(self, event: events.Key) -> None:
        """Move, choose, or search for what is typed."""
        moves = {
            "up": self._list.action_cursor_up,
            "down": self._list.action_cursor_down,
            "pageup": self._list.action_page_up,
            "pagedown": self._list.action_page_down,
            "home": self._list.action_first,
            "end": self._list.action_last,
        }
        if event.key in moves:
            moves[event.key]()
        elif event.key == "enter":
            self._choose(self._list.highlighted if self._list.is_mounted else 0)
        elif event.key == "backspace":
            self._search(self.typed[:-1])
        elif event.key == "ctrl+u":
            self._search("")
        elif event.character and event.is_printable:
            self._type(event.character)
        else:
            return
        event.stop()
        event.prevent_default()

    def on_paste(self, event: events.Paste) -> None:
        """Search for what is pasted."""
        event.stop()
        self._search(self.typed + " ".join(event.text.split()))

    def _type(self, character: str) -> None:
        if (
            self._numbered
            and not self.typed
            and character.isdecimal()
            and 1 <= int(character) <= len(self.matches)
        ):
            self._choose(int(character) - 1)
        else:
            self._search(self.typed + character)

    def _search(self, typed: str) -> None:
        self.typed = typed
        self.matches = found(self.entries, typed)
        if self._list.is_mounted:
            self._fill(0)

    def _choose(self, index: int | None) -> None:
        if index is not None and index < len(self.matches):
            self.dismiss(self.matches[index].value)

    def _fill(self, highlighted: int) -> None:
        """Show what matches."""
        line = (
            f"{self.typed}▏  {count_words(self.matches, self.entries)}" if self.typed else "▏type to search"
        )
        self._line.update(Content.assemble(line))
        self._list.clear_options()
        self._list.add_options([Option(self._words(n, entry)) for n, entry in enumerate(self.matches, 1)])
        if not self.matches:
            self._list.add_option(Option(NO_MATCH, disabled=True))
        self._list.highlighted = min(highlighted, len(self.matches) - 1) if self.matches else None

    def _words(self, number: int, entry: Entry[V]) -> Content:
        wide = max((len(each.label) for each in self.matches), default=0)
        lead = f"{entry.key.ljust(self._keys)}  " if self._keys else ""
        if self._numbered and not self.typed:
            lead = f"{number} "
        muted = self.app.theme_variables.get("muted", "")
        return Content.assemble(
            (lead, self.app.theme_variables.get("accent", "")),
            entry.label.ljust(min(wide, 32)),
            (f"  {entry.note}" if entry.note else "", muted),
        )
