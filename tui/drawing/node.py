"""One node of the topology as characters, in the rows available."""

from math import ceil

from marskit.tui.drawing.grid import Grid
from marskit.tui.drawing.rows import Row, Span, clip, length, spans, spread, squeeze
from marskit.views.labels import NodeLabel
from marskit.views.topology import NodeView

_SHARE = 5
"""Cells for the utilisation, so that the bars end alike."""


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
    grid: Grid,
    node: NodeView,
    label: NodeLabel,
    name: str,
    x: int,
    y: int,
    width: int,
    height: int,
    *,
    selected: bool,
) -> None:
    """Draw the node under that name, with a frame from three rows on, else as bare text."""
    if height < 3:
        rows = (_title(label, name, width, selected=selected, marked=True), _busy(node, label, width))
        for offset, row in enumerate(rows[:height]):
            grid.write_row(x, y + offset, row)
        return
    role = "accent" if selected else node.health if node.health in ("bad", "warn") else "wire"
    grid.box(x, y, width, height, role, heavy=selected)
    fill = ("━" if selected else "─", role)
    grid.write(x + 1, y, " ")
    grid.write_row(x + 2, y, _title(label, name, width - 4, selected=selected, fill=fill))
    grid.write(x + width - 2, y, " ")
    inner = (_busy(node, label, width - 4), _traffic(node, label, width - 4))
    for offset, row in enumerate(inner[: height - 2]):
        grid.write_row(x + 2, y + 1 + offset, row)
    badges = tuple((f"{text} ", role) for text, role in spans(*label.badges, lead=" "))
    grid.write_row(x + 2, y + height - 1, clip(badges, width - 4))


def node_marks(label: NodeLabel) -> Row:
    """One symbol each for the bottleneck, a fault and a canary."""
    return spans(*label.marks, lead=" ")


def _title(
    label: NodeLabel,
    name: str,
    width: int,
    *,
    selected: bool,
    marked: bool = False,
    fill: Span = (" ", "plain"),
) -> Row:
    marks = node_marks(label) if marked else ()
    count = spans(label.replicas)
    name = squeeze(name, width - 2 - length(marks) - (length(count) + 2 if count else 0))
    title: Row = (
        (f"{label.health.text} ", label.health.tone),
        (name, "selected" if selected else label.title.tone),
        *marks,
    )
    return spread(title, ((" ", "plain"), *count) if count else (), width, fill)


def _busy(node: NodeView, label: NodeLabel, width: int) -> Row:
    """Utilisation as a bar and a number; for the gateway, the incoming rate."""
    if node.is_gateway:
        return clip(_rate(label), width)
    if label.utilisation is None or label.busy is None:
        return ()
    queue = f" {label.queue.text}" if label.queue is not None else ""
    numbers = f" {label.utilisation.text.rjust(_SHARE)}{queue}"
    room = max(0, width - len(numbers))
    filled = min(room, ceil(room * label.busy))
    return (("━" * filled, label.busy_tone), ("─" * (room - filled), "track"), (numbers, "plain"))


def _traffic(node: NodeView, label: NodeLabel, width: int) -> Row:
    return clip(spans(label.failed) if node.is_gateway else _rate(label), width)


def _rate(label: NodeLabel) -> Row:
    first, *rest = label.rate or (None,)
    return (*spans(first), *spans(*rest, lead=" "))
