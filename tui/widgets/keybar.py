"""The footer: the keys in groups, on two rows if one is too short; a click works like the key."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.geometry import Size

from marskit.tui.drawing.rows import Row
from marskit.tui.keys import Group, Key
from marskit.tui.widgets.canvas import Canvas

_STEPS = ("step_phase", "step_cycle")
_VERDICTS = ("approve", "reject", "replan")
_PACES = ("slower", "faster")


@dataclass(frozen=True, slots=True)
class KeyBarView:
    """The state that decides which keys are worth showing."""

    running: bool = False
    awaiting_approval: bool = False
    small: bool = False
    has_pace: bool = False
    over: bool = False
    """Whether the load scenario has reached its end."""


class KeyBar(Canvas[KeyBarView]):
    """Groups of keys, each kept on one row."""

    def __init__(self, view: KeyBarView, keys: Sequence[Key], *, id: str | None = None) -> None:
        super().__init__(view, id=id)
        self._keys = keys
        self._spots: list[tuple[int, int, int, Key]] = []

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One or two rows."""
        return len(self._lay(width)[0])

    def show(self, view: KeyBarView) -> None:
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
        for group in Group:
            keys = [key for key in self._keys if key.group is group and self._worth(key)]
            if not keys:
                continue
            labels = [f" {label}" if (label := self._label(key)) else "" for key in keys]
            wide = sum(len(key.shown) + len(label) + 1 for key, label in zip(keys, labels, strict=True)) - 1
            if rows[-1] and x + 3 + wide > width:
                rows.append([])
                x = 0
            lead = " │ " if rows[-1] else " "
            rows[-1].append((lead, "axis"))
            x += len(lead)
            for index, (key, label) in enumerate(zip(keys, labels, strict=True)):
                urgent = self.view.awaiting_approval and key.label in _VERDICTS
                rows[-1] += [
                    (" " if index else "", "plain"),
                    (key.shown, "key"),
                    (label, "warn" if urgent else "dim"),
                ]
                x += bool(index)
                end = x + len(key.shown) + len(label)
                spots.append((len(rows) - 1, x, end, key))
                x = end
        return [tuple(row) for row in rows], spots

    def _worth(self, key: Key) -> bool:
        """Keys that would be refused now are left out; a plan that awaits approval is decided on first."""
        if key.label in _VERDICTS:
            return self.view.awaiting_approval
        if any(step in key.action for step in _STEPS):
            return not self.view.awaiting_approval
        if any(pace in key.action for pace in _PACES):
            return self.view.has_pace
        if key.label == "train" and self.view.small:
            # Its row would be too long with the verdicts.
            return not self.view.awaiting_approval
        if key.label == "again":
            return self.view.over
        return key.label != "view" or self.view.small

    def _label(self, key: Key) -> str:
        return "pause" if key.label in ("run", "play") and self.view.running else key.label

    async def on_click(self, event: events.Click) -> None:
        """Run the action of the key under the mouse."""
        for row, start, end, key in self._spots:
            if row == event.y and start <= event.x < end:
                await self.app.run_action(key.action)
