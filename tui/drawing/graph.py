"""The topology drawn from left to right: frames, lines and what flows along them."""

from collections.abc import Mapping
from dataclasses import dataclass

from marskit.tui.drawing.drawing import Drawing, Hit
from marskit.tui.drawing.edge import edge_text
from marskit.tui.drawing.grid import Grid
from marskit.tui.drawing.node import draw_node, name_room, node_width
from marskit.tui.drawing.roster import draw_roster, roster_rows
from marskit.tui.drawing.rows import Row, first_fitting, unique_names
from marskit.views.labels import NO_MESH
from marskit.views.layout import Hop, Layout, Slot, lay_out, place
from marskit.views.topology import TopologyView

GUTTER_MIN = 8
"""Fewest cells between layers."""
GUTTER_MAX = 36
LEAST = 12
"""Fewest cells for a name that is cut: with fewer, the list of all nodes says more."""
LEAST_NODE = 16
"""Smallest width of a node, in cells."""
_SHAPES = ((4, 1), (4, 0), (3, 0), (2, 1), (2, 0), (1, 0))
"""Rows of a node and rows between nodes, from roomy to dense."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """The place of a node or a passing line on the grid."""

    x: int
    y: int
    width: int
    height: int

    @property
    def dense(self) -> int:
        """A node without a frame keeps one cell between its text and a line."""
        return 1 if self.height < 3 else 0

    @property
    def out(self) -> int:
        """The row on which lines leave the frame."""
        return self.y + (1 if self.height > 2 else 0)


@dataclass(frozen=True, slots=True)
class _Plan:
    """A graph that fits: every name can be told from the others, and every line has its place."""

    layout: Layout
    frames: list[list[_Frame]]
    names: Mapping[str, str]
    foot: tuple[Row, ...]


def draw_topology(view: TopologyView, width: int, height: int, selected: str | None) -> Drawing:
    """Draw the graph; list the nodes where there is no room for it."""
    if not view.layers:
        return Drawing((((NO_MESH, "dim"),),), ())
    plan = _plan(view, width, height)
    if plan is None:
        return draw_roster(view, width, height, selected)
    grid = Grid(width, height - len(plan.foot))
    for hop in plan.layout.hops:
        _line(grid, hop, plan.layout, plan.frames)
    hits = []
    for layer, column in zip(plan.layout.layers, plan.frames, strict=True):
        for slot, frame in zip(layer, column, strict=True):
            if slot.node is None or slot.label is None:
                _pass(grid, slot, frame)
                continue
            node, chosen = slot.node, slot.node.name == selected
            name = plan.names[node.name]
            box = (frame.x, frame.y, frame.width, frame.height)
            draw_node(grid, node, slot.label, name, *box, selected=chosen)
            hits.append(Hit(node.name, *box))
    for hop in plan.layout.hops:
        if hop.last:
            _label(grid, hop, plan.layout, plan.frames)
    return Drawing((*grid.rows(), *plan.foot), tuple(hits))


def wanted_rows(view: TopologyView, width: int, most: int, *, roomy: bool) -> int:
    """The rows that the mesh needs at that width: for the graph if it fits into `most`, else for the list.

    They depend on which nodes there are, and not on how they fare, so that nothing moves while one looks.
    """
    if not view.layers:
        return min(most, 6)
    layout = place(lay_out(view), _SHAPES[0][0], int(roomy))
    tallest = max(layout.heights) + bool(layout.backward)
    rows = min(tallest, most)
    return rows if _plan(view, width, rows) is not None else roster_rows(view, width, most)


def _plan(view: TopologyView, width: int, height: int) -> _Plan | None:
    layout = lay_out(view)
    foot: tuple[Row, ...] = ()
    if layout.foot:
        words = "   ".join(part.text for part in layout.foot)
        foot = (((f"  {words}", layout.foot[0].tone),),)
    room = height - len(foot)
    layout, dense = _shaped(layout, room)
    xs, widths = _columns(layout, width, dense=dense)
    if xs[-1] + widths[-1] > width or max(layout.heights) > room:
        return None
    names: dict[str, str] = {}
    for layer, wide in zip(layout.layers, widths, strict=True):
        nodes = [slot.node for slot in layer if slot.node is not None]
        least = min((name_room(node, wide, dense=dense) for node in nodes), default=0)
        short = unique_names([node.name for node in nodes], least)
        if short is None or any(short[name] != name and least < LEAST for name in short):
            return None
        names |= short
    if len(set(names.values())) < len(names):
        return None
    frames = [
        [_Frame(x, max(0, (room - rows) // 2) + slot.top, wide, slot.rows) for slot in layer]
        for layer, rows, x, wide in zip(layout.layers, layout.heights, xs, widths, strict=True)
    ]
    return _Plan(layout, frames, names, foot)


def _shaped(layout: Layout, height: int) -> tuple[Layout, bool]:
    """The roomiest shape that fits, or the densest, and whether nodes have no frame."""
    for tall, gap in _SHAPES:
        layout = place(layout, tall, gap)
        if max(layout.heights) <= height:
            break
    return layout, tall < 3


def _columns(layout: Layout, width: int, *, dense: bool) -> tuple[list[int], list[int]]:
    """The left edge and width of every layer; spare cells go to the gutters, then around the graph."""
    widths = [
        max(
            (node_width(slot.node, dense=dense and len(slot.edges) < 2) for slot in layer if slot.node),
            default=1,
        )
        for layer in layout.layers
    ]
    gutters = max(1, len(widths) - 1)
    lines = max(
        (len({hop.start for hop in layout.hops if hop.layer == n}) for n in range(gutters)), default=0
    )
    # Every caller has an upright of its own, which needs a cell beside those of the arrow and the frames.
    least_lines = lines + (6 if dense else 4)
    least = max(GUTTER_MIN, least_lines)
    # Whole names come before labels in the gutters; they are cut only where lines alone leave too little.
    while width - sum(widths) < gutters * least and max(widths) > LEAST_NODE:
        widths[widths.index(max(widths))] -= 1
    spare = width - sum(widths)
    gutter = min(GUTTER_MAX, max(least, spare // gutters))
    around = max(0, spare - gutter * gutters)
    widths = [w + min(8, around // (2 * len(widths))) for w in widths]
    x = max(0, (width - sum(widths) - gutter * gutters) // 2)
    xs = []
    for wide in widths:
        xs.append(x)
        x += wide + gutter
    return xs, widths


def _line(grid: Grid, hop: Hop, layout: Layout, frames: list[list[_Frame]]) -> None:
    start, end = frames[hop.layer][hop.start], frames[hop.layer + 1][hop.end]
    role = _role(hop)
    bus = _bus(hop, layout, frames)
    y = _port_row(hop, end)
    # Lines that leave one after another stay apart: each source has its own upright.
    grid.horizontal(start.x + start.width + start.dense, bus, start.out, role)
    grid.vertical(bus, start.out, y, role)
    grid.horizontal(bus, end.x - 1 - end.dense, y, role)


def _label(grid: Grid, hop: Hop, layout: Layout, frames: list[list[_Frame]]) -> None:
    end = frames[hop.layer + 1][hop.end]
    y = _port_row(hop, end)
    buses = [_bus(other, layout, frames) for other in layout.hops if other.layer == hop.layer]
    left = max(buses) + 2 - end.dense
    room = end.x - 2 - end.dense - left
    first, second = edge_text(hop.label)
    if end.height > 2 and len(layout.layers[hop.layer + 1][hop.end].edges) == 1:
        _centred(grid, left, y - 1, first_fitting(first, room), room)
        _centred(grid, left, y + 1, first_fitting(second, room), room)
    elif end.height > 2:
        _centred(grid, left, y - 1, first_fitting(first, room), room)
    else:
        row = first_fitting(second if end.height == 1 else first, room - 2)
        if row:
            _centred(grid, left, y, ((" ", "plain"), *row, (" ", "plain")), room)
        if end.height == 2:
            _centred(grid, left, y + 1, first_fitting(second, room), room)
    grid.write(end.x - 1 - end.dense, y, "►", _role(hop))


def _centred(grid: Grid, x: int, y: int, row: Row, room: int) -> None:
    grid.write_row(x + max(0, (room - sum(len(text) for text, _ in row)) // 2), y, row)


def _pass(grid: Grid, slot: Slot, frame: _Frame) -> None:
    role = slot.edges[0].health
    grid.horizontal(frame.x - 1, frame.x + frame.width, frame.y, role if role in ("bad", "warn") else "wire")


def _bus(hop: Hop, layout: Layout, frames: list[list[_Frame]]) -> int:
    starts = sorted({other.start for other in layout.hops if other.layer == hop.layer})
    column = frames[hop.layer][0]
    return column.x + column.width + 1 + column.dense + starts.index(hop.start)


def _port_row(hop: Hop, end: _Frame) -> int:
    return end.out + hop.port * 2


def _role(hop: Hop) -> str:
    return hop.edge.health if hop.edge.health in ("bad", "warn") else "wire"
