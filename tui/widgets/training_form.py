"""The form of the training pane: four values side by side, set with the arrow keys or typed."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from marskit.domain.training import TrainingRequest
from marskit.training.settings import usual_seconds
from marskit.tui.drawing.rows import Row
from marskit.tui.widgets.canvas import Canvas
from marskit.views.training_form import FIELDS, MOST, FormView, changed, field_words


class TrainingForm(Canvas[FormView], can_focus=True):
    """Left and right select a value, up and down change it, digits are typed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", show=False),
        Binding("right", "move(1)", show=False),
        Binding("up", "change(1)", show=False),
        Binding("down", "change(-1)", show=False),
        Binding("backspace", "erase", show=False),
    ]

    class Changed(Message):
        """A value has changed."""

    def draw(self, width: int, height: int) -> Sequence[Row]:
        """The names above their values."""
        wide = width // len(FIELDS)
        names: list[tuple[str, str]] = []
        values: list[tuple[str, str]] = []
        for name in FIELDS:
            chosen = name == self.view.selected and self.view.is_open
            value = f" {field_words(self.view.choice, name)} "
            values.append((value, "selected" if chosen else "strong" if self.view.is_open else "dim"))
            arrows = "↕" if chosen else ""
            values.append((arrows.ljust(max(0, wide - len(value))), "accent"))
            names.append((f" {name}".ljust(wide), "accent" if chosen else "dim"))
        return [tuple(names), tuple(values)]

    def set_open(self, *, is_open: bool) -> None:
        """Allow or forbid changes."""
        self.show(replace(self.view, is_open=is_open))

    def action_move(self, dx: int) -> None:
        """Select the next value."""
        place = (FIELDS.index(self.view.selected) + dx) % len(FIELDS)
        self.show(replace(self.view, selected=FIELDS[place]))

    def action_change(self, step: int) -> None:
        """Change the selected value."""
        self._choose(changed(self.view.choice, self.view.selected, step, usual_seconds))

    def action_erase(self) -> None:
        """Delete the last digit."""
        self._type(lambda number: number // 10)

    def on_key(self, event: events.Key) -> None:
        """Append a typed digit to the selected number."""
        if event.character and event.character.isdecimal():
            digit = int(event.character)
            self._type(lambda number: 10 * number + digit)

    def on_click(self, event: events.Click) -> None:
        """Select the value under the mouse; change it if it was selected already."""
        place = min(event.x * len(FIELDS) // max(1, self.size.width), len(FIELDS) - 1)
        if FIELDS[place] == self.view.selected:
            self.action_change(1)
        self.show(replace(self.view, selected=FIELDS[place]))

    def _type(self, change: Callable[[int], int]) -> None:
        name = self.view.selected
        if name in MOST:
            number = min(MOST[name], change(getattr(self.view.choice, name)))
            self._choose(
                replace(self.view.choice, seed=number)
                if name == "seed"
                else replace(self.view.choice, seconds=number)
            )

    def _choose(self, choice: TrainingRequest) -> None:
        if not self.view.is_open:
            return
        if not Path(choice.out).is_file():
            choice = replace(choice, goes_on=False)
        self.show(replace(self.view, choice=choice))
        self.post_message(self.Changed())
