"""The mesh: workloads, the traffic between them, and the selection."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive

from marskit.tui.drawing.graph import Hit, draw_topology, neighbour
from marskit.tui.drawing.rows import Row
from marskit.tui.widgets.canvas import Canvas
from marskit.views.topology import TopologyView


class Topology(Canvas[TopologyView], can_focus=True):
    """Arrow keys and the mouse select a node; Enter opens it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1, 0)", show=False),
        Binding("right", "move(1, 0)", show=False),
        Binding("up", "move(0, -1)", show=False),
        Binding("down", "move(0, 1)", show=False),
    ]

    selected: reactive[str | None] = reactive(None)
    """The node that pickers and the scale keys start from."""

    class Selected(Message):
        """Another node is selected."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, view: TopologyView, *, id: str | None = None) -> None:
        super().__init__(view, id=id)
        self.hits: tuple[Hit, ...] = ()

    def draw(self, width: int, height: int) -> Sequence[Row]:
        """The graph; also records where its nodes are."""
        drawing = draw_topology(self.view, width, height, self.selected)
        self.hits = drawing.hits
        return drawing.rows

    def watch_selected(self) -> None:
        """Redraw and announce the selection."""
        self.redraw()
        if self.selected is not None:
            self.post_message(self.Selected(self.selected))

    def action_move(self, dx: int, dy: int) -> None:
        """Select the next node in that direction."""
        self.selected = neighbour(self.view, self.selected, dx, dy)

    def on_click(self, event: events.Click) -> None:
        """Select the node under the mouse."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        for hit in self.hits:
            if hit.x <= offset.x < hit.x + hit.width and hit.y <= offset.y < hit.y + hit.height:
                self.selected = hit.name
