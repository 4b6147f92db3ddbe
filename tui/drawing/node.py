"""One node of the topology as characters, in as many rows as there is room for."""

from marskit.views import text
from marskit.views.tone import SYMBOLS
from marskit.views.topology import NodeView
from tui.drawing.grid import Grid
from tui.drawing.rows import Row, clip, spread


def node_width(node: NodeView) -> int:
    """How wide the node would like to be."""
    return max(20, len(node.name) + 12) if not node.is_gateway else 13


def draw_node(grid: Grid, node: NodeView, x: int, y: int, width: int, height: int, *, selected: bool) -> None:
    """Draw it with a frame from three rows on, else as bare text."""
    if height < 3:
        rows = (_title(node, width, selected=selected, marked=True), _busy(node, width))
        for offset, row in enumerate(rows[:height]):
            grid.write_row(x, y + offset, row)
        return
    role = "accent" if selected else node.health if node.health in ("bad", "warn") else "frame"
    grid.box(x, y, width, height, role, heavy=selected)
    inner = width - 4
    grid.write_row(x + 1, y, ((" ", "plain"), *_title(node, width - 4, selected=selected), (" ", "plain")))
    lines = [_busy(node, inner), _traffic(node, inner)]
    if node.is_gateway:
        lines = [_traffic(node, inner), ()]
    for offset, row in enumerate(lines[: height - 2]):
        grid.write_row(x + 2, y + 1 + offset, row)
    badges = clip(_badges(node), inner)
    if badges:
        grid.write_row(x + 2, y + height - 1, badges)


def _title(node: NodeView, width: int, *, selected: bool, marked: bool = False) -> Row:
    name: Row = ((f"{SYMBOLS[node.health]} ", node.health), (node.name, "selected" if selected else "strong"))
    if marked:
        name = (*name, (" ◆" * node.is_bottleneck, "bad"), (" ⚡" * bool(node.faults), "person"))
    if node.is_gateway or node.replicas_desired is None:
        return clip(name, width)
    short = (node.replicas_ready or 0) < node.replicas_desired
    ready = "–" if node.replicas_ready is None else str(node.replicas_ready)
    count = (
        f"{ready}/{node.replicas_desired}",
        "warn" if short and node.replicas_ready is not None else "strong",
    )
    return spread(name, (count,), width)


def _busy(node: NodeView, width: int) -> Row:
    """How busy the replicas are, as a bar and in numbers."""
    if node.is_gateway:
        return clip(_rate(node), width)
    if node.utilisation is None:
        return clip(_badges(node) or (("not measured yet", "dim"),), width)
    queue = f" q {text.number(node.queued)}" if node.queued else ""
    numbers = f" {text.share(node.utilisation):>5}{queue}"
    room = max(0, width - len(numbers))
    filled = min(room, round(room * node.utilisation))
    role = "warn" if node.utilisation > 0.8 or node.queued else "ok"
    return (("━" * filled, role), ("─" * (room - filled), "track"), (numbers, "plain"))


def _traffic(node: NodeView, width: int) -> Row:
    return clip(_rate(node), width)


def _rate(node: NodeView) -> Row:
    if node.requests_per_s is None:
        return (("no traffic yet", "dim"),)
    return ((text.rate(node.requests_per_s), "plain"), (" in" if node.is_gateway else "", "dim"))


def _badges(node: NodeView) -> Row:
    bottleneck: Row = ((" ◆ bottleneck ", "bad"),) if node.is_bottleneck else ()
    faults: Row = tuple((f" ⚡ {fault} ", "person") for fault in node.faults)
    return (*bottleneck, *faults)
