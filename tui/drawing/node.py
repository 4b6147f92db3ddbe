"""One node of the topology as characters, in the rows available."""

from math import ceil

from marskit import text
from marskit.tui.drawing.grid import Grid
from marskit.tui.drawing.rows import Row, Span, clip, length, spread, squeeze
from marskit.views.tone import SYMBOLS
from marskit.views.topology import NodeView


def node_width(node: NodeView, *, dense: bool) -> int:
    """The node's preferred width, in cells."""
    if node.is_gateway:
        return 13 if dense else 17
    if dense:
        return max(16, len(node.name) + 11 + 2 * (node.canary_of is not None))
    return max(20, len(node.name) + 12)


def name_room(node: NodeView, width: int, *, dense: bool) -> int:
    """Cells for the name in a node of that width, whatever its marks and numbers become."""
    marks = (4 + 2 * (node.canary_of is not None)) if dense else 0
    numbers = 0 if node.is_gateway else 5
    return width - (2 if dense else 6) - marks - numbers


def draw_node(
    grid: Grid, node: NodeView, name: str, x: int, y: int, width: int, height: int, *, selected: bool
) -> None:
    """Draw the node under that name, with a frame from three rows on, else as bare text."""
    if height < 3:
        rows = (_title(node, name, width, selected=selected, marked=True), _busy(node, width))
        for offset, row in enumerate(rows[:height]):
            grid.write_row(x, y + offset, row)
        return
    role = "accent" if selected else node.health if node.health in ("bad", "warn") else "wire"
    grid.box(x, y, width, height, role, heavy=selected)
    fill = ("━" if selected else "─", role)
    grid.write(x + 1, y, " ")
    grid.write_row(x + 2, y, _title(node, name, width - 4, selected=selected, fill=fill))
    grid.write(x + width - 2, y, " ")
    for offset, row in enumerate((_busy(node, width - 4), _traffic(node, width - 4))[: height - 2]):
        grid.write_row(x + 2, y + 1 + offset, row)
    grid.write_row(x + 2, y + height - 1, clip(_badges(node), width - 4))


def _title(
    node: NodeView,
    name: str,
    width: int,
    *,
    selected: bool,
    marked: bool = False,
    fill: Span = (" ", "plain"),
) -> Row:
    marks = node_marks(node) if marked else ()
    count = _count(node)
    name = squeeze(name, width - 2 - length(marks) - (length(count) + 2 if count else 0))
    title: Row = (
        (f"{SYMBOLS[node.health]} ", node.health),
        (name, "selected" if selected else "strong"),
        *marks,
    )
    return spread(title, ((" ", "plain"), *count) if count else (), width, fill)


def node_marks(node: NodeView) -> Row:
    """One symbol each for the bottleneck, a fault and a canary."""
    return (
        (" ◆" * node.is_bottleneck, "bad"),
        (" ↯" * bool(node.faults), "person"),
        (" ◇" * (node.canary_of is not None), "accent"),
    )


def _count(node: NodeView) -> Row:
    """Ready and desired replicas."""
    if node.is_gateway or node.replicas_desired is None:
        return ()
    if node.replicas_ready is None:
        return ((text.replicas(None, node.replicas_desired), "dim"),)
    short = node.replicas_ready < node.replicas_desired
    return ((text.replicas(node.replicas_ready, node.replicas_desired), "warn" if short else "strong"),)


def _busy(node: NodeView, width: int) -> Row:
    """Utilisation as a bar and a number; for the gateway, the incoming rate."""
    if node.is_gateway:
        return clip(_rate(node), width)
    if node.utilisation is None:
        return ()
    queue = f" q {node.queued:.0f}" if node.queued else ""
    numbers = f" {text.share(node.utilisation):>5}{queue}"
    room = max(0, width - len(numbers))
    filled = min(room, ceil(room * node.utilisation))
    role = "warn" if node.utilisation > 0.8 or node.queued else "ok"
    return (("━" * filled, role), ("─" * (room - filled), "track"), (numbers, "plain"))


def _traffic(node: NodeView, width: int) -> Row:
    if node.is_gateway:
        failed = node.error_percent
        return (
            ()
            if failed is None
            else clip(((f"{text.percent(failed)} fail", "bad" if failed else "dim"),), width)
        )
    return clip(_rate(node), width)


def _rate(node: NodeView) -> Row:
    if node.requests_per_s is None:
        return ()
    return ((text.rate(node.requests_per_s), "plain"), (" in" if node.is_gateway else "", "dim"))


def _badges(node: NodeView) -> Row:
    bottleneck: Row = ((" ◆ bottleneck ", "bad"),) if node.is_bottleneck else ()
    faults: Row = tuple((f" ↯ {fault} ", "person") for fault in node.faults)
    canary: Row = ((" ◇ canary ", "accent"),) if node.canary_of is not None else ()
    return (*bottleneck, *faults, *canary)
