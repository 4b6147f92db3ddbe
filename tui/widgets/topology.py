"""The mesh: workloads, the traffic between them, and the selection."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive

from marskit.tui.drawing.drawing import Drawing
from marskit.tui.drawing.graph import draw_topology
from marskit.tui.drawing.rows import Row
from marskit.tui.key_names import shown
from marskit.tui.widgets.canvas import Canvas
from marskit.views.labels import NOTHING_UNHEALTHY, SHOWS_ALL
from marskit.views.layout import neighbour
from marskit.views.topology import TopologyView, unhealthy


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

    only_unhealthy: reactive[bool] = reactive(default=False)
    """Whether only what ails is drawn, with its callers."""

    class Selected(Message):
        """Another node is selected."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, view: TopologyView, *, id: str | None = None) -> None:
        super().__init__(view, id=id)
        self.drawing = Drawing((), ())

    def draw(self, width: int, height: int) -> Sequence[Row]:
        """The graph; also records where its nodes are."""
        if self.only_unhealthy and not self.shown.layers:
            offer = ((shown(SHOWS_ALL.does), "key"), (f" {SHOWS_ALL.words}.", "dim"))
            return [((f"{NOTHING_UNHEALTHY} ", "ok"), *offer)]
        self.drawing = draw_topology(self.shown, width, height, self.selected)
        return self.drawing.rows

    @property
    def shown(self) -> TopologyView:
        """The part of the mesh that is drawn."""
        return unhealthy(self.view) if self.only_unhealthy else self.view

    def watch_only_unhealthy(self) -> None:
        """Draw the other part too, or no longer."""
        self.redraw()

    def watch_selected(self) -> None:
        """Redraw and announce the selection."""
        self.redraw()
        if self.selected is not None:
            self.post_message(self.Selected(self.selected))

    def action_move(self, dx: int, dy: int) -> None:
        """Select the next node in that direction."""
        if not self.drawing.order:
            self.selected = neighbour(self.shown, self.selected, dx, dy)
            return
        order = self.drawing.order
        for y, row in enumerate(order):
            if self.selected in row:
                beside = order[min(max(y + dy, 0), len(order) - 1)]
                self.selected = beside[min(max(row.index(self.selected) + dx, 0), len(beside) - 1)]
                return
        self.selected = order[0][0]

    async def on_click(self, event: events.Click) -> None:
        """Select the node under the mouse; a second click opens it."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        for hit in self.drawing.hits:
            if hit.x <= offset.x < hit.x + hit.width and hit.y <= offset.y < hit.y + hit.height:
                self.selected = hit.name
                if event.chain == 2:
                    await self.app.run_action("open")
