"""The footer: the keys in groups, on two rows if one is too short; a click works like the key."""

from collections.abc import Sequence

from textual import events
from textual.geometry import Size

from marskit.tui.drawing.rows import Row
from marskit.tui.keys import Key
from marskit.tui.widgets.canvas import Canvas
from marskit.views.controls import Control, Group, Move, Standing, offered

_PLAIN = (Move.BEGINNING, Move.END)
"""Their keys say what they do."""


class KeyBar(Canvas[Standing]):
    """Groups of keys, each kept on one row."""

    def __init__(self, view: Standing, keys: Sequence[Key], *, id: str | None = None) -> None:
        super().__init__(view, id=id)
        self._keys = keys
        self._spots: list[tuple[int, int, int, Key]] = []

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One or two rows."""
        return len(self._lay(width)[0])

    def show(self, view: Standing) -> None:
        """Show the keys; their number of rows may change."""
        if view != self.view:
            super().show(view)
            self.refresh(layout=True)

    def draw(self, width: int, height: int) -> Sequence[Row]:
        """The rows; also records where the keys are in them."""
        rows, self._spots = self._lay(width)
        return rows

    def _lay(self, width: int) -> tuple[list[Row], list[tuple[int, int, int, Key]]]:
        rows: list[list[tuple[str, str]]] = [[]]
        spots: list[tuple[int, int, int, Key]] = []
        x = 0
        key_of = {key.control.does: key for key in self._keys}
        shown = offered([key.control for key in self._keys], self.view)
        for group in Group:
            controls = [control for control in shown if control.group is group]
            keys = [key_of[control.does] for control in controls]
            if not keys:
                continue
            labels = _labels(controls)
            wide = sum(len(key.shown) + len(label) + 1 for key, label in zip(keys, labels, strict=True)) - 1
            if rows[-1] and x + 3 + wide > width:
                rows.append([])
                x = 0
            lead = " │ " if rows[-1] else " "
            rows[-1].append((lead, "axis"))
            x += len(lead)
            for index, (key, label) in enumerate(zip(keys, labels, strict=True)):
                rows[-1] += [
                    (" " if index else "", "plain"),
                    (key.shown, "key"),
                    (label, "warn" if controls[index].is_urgent else "dim"),
                ]
                x += bool(index)
                end = x + len(key.shown) + len(label)
                spots.append((len(rows) - 1, x, end, key))
                x = end
        return [tuple(row) for row in rows], spots

    async def on_click(self, event: events.Click) -> None:
        """Run the action of the key under the mouse."""
        for row, start, end, key in self._spots:
            if row == event.y and start <= event.x < end:
                await self.app.run_action(key.action)


def _labels(controls: Sequence[Control]) -> list[str]:
    """One word for each, and one for both of a pair, behind its second key."""
    words = []
    for n, control in enumerate(controls):
        first = bool(control.pair) and n + 1 < len(controls) and controls[n + 1].pair == control.pair
        word = "" if first or control.does in _PLAIN else control.pair or control.label
        words.append(f" {word}" if word else "")
    return words
