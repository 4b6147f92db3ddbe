"""The footer: the keys in groups, as many as fit; a click does what the key does."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events

from tui.drawing.rows import Row, length
from tui.keys import KEYS, Group, Key
from tui.widgets.canvas import Canvas


@dataclass(frozen=True, slots=True)
class KeyBarView:
    """What changes which keys are worth showing."""

    running: bool = False
    awaiting_approval: bool = False
    small: bool = False


class KeyBar(Canvas[KeyBarView]):
    """One row of keys."""

    def __init__(self, view: KeyBarView, *, id: str | None = None) -> None:
        super().__init__(view, id=id)
        self._spots: list[tuple[int, int, Key]] = []

    def draw(self, width: int, height: int) -> Sequence[Row]:
        """Labels where there is room, else bare keys for the groups that explain themselves."""
        for labelled in (tuple(Group), (Group.LOOP, Group.CHAOS, Group.SCREEN), (Group.LOOP,), ()):
            row, spots = self._lay(labelled)
            if length(row) <= width:
                break
        self._spots = spots
        return [row]

    def _lay(self, labelled: tuple[Group, ...]) -> tuple[Row, list[tuple[int, int, Key]]]:
        row: list[tuple[str, str]] = []
        spots: list[tuple[int, int, Key]] = []
        x = 0
        group: Group | None = None
        for key in KEYS:
            if not self._worth(key):
                continue
            if group is not key.group:
                head = " " if group is None else " │ "
                row.append((head, "axis"))
                x += len(head)
                group = key.group
            elif spots:
                row.append((" ", "plain"))
                x += 1
            urgent = self.view.awaiting_approval and key.label in ("approve", "reject")
            label = f" {self._label(key)}" if key.group in labelled or urgent else ""
            row += [(key.shown, "key"), (label, "warn" if urgent else "dim")]
            wide = len(key.shown) + len(label)
            spots.append((x, x + wide, key))
            x += wide
        return tuple(row), spots

    def _worth(self, key: Key) -> bool:
        if key.label in ("approve", "reject"):
            return self.view.awaiting_approval
        return key.label != "view" or self.view.small

    def _label(self, key: Key) -> str:
        return "pause" if key.label == "run" and self.view.running else key.label

    async def on_click(self, event: events.Click) -> None:
        """Do what the key under the mouse does."""
        for start, end, key in self._spots:
            if start <= event.x < end:
                await self.app.run_action(key.action)
