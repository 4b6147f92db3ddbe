"""All nodes side by side in columns, for a mesh whose graph is too large for its place."""

from collections.abc import Sequence

from marskit.tui.drawing.drawing import Drawing, Hit
from marskit.tui.drawing.node import node_marks
from marskit.tui.drawing.rows import Row, clip, length, spans, spread, squeeze, unique_names
from marskit.views.labels import (
    CALLED,
    CALLS,
    UNKNOWN,
    NodeLabel,
    count_by_health,
    lost_words,
    node_label,
    relation_words,
)
from marskit.views.tone import Part, Tone
from marskit.views.topology import NodeView, TopologyView

GAP = 2
"""Cells between columns."""
LEAST = 16
"""Fewest cells for a name before a column is dropped instead."""
_CUT = 6
"""Most cells that a name is shortened by."""
_NUMBERS = (19, 12, 6, 0)
"""Cells for the numbers beside a name: replicas, utilisation and rate; without the rate; replicas; none."""
_HEAD = 4
"""Cells for the relation to the selected node, the health and the spaces around them."""
_MARKS = 4
"""Cells for the marks that come and go."""
_WORST = {Tone.BAD: 0, Tone.WARN: 1}


def roster_rows(view: TopologyView, width: int, most: int) -> int:
    """The rows that the list takes, its foot included: whole names first, then a third of `most` free."""
    for least_name in (None, LEAST):
        for rows in (max(1, 2 * most // 3), most - 1):
            found = _fitting(view.nodes, width, rows, least_name)
            if found is not None:
                return -(-len(view.nodes) // found[0]) + 1
    return most


def draw_roster(view: TopologyView, width: int, height: int, selected: str | None) -> Drawing:
    """The nodes by call depth, row by row; those that ail come first if not all fit."""
    nodes = list(view.nodes)
    room = max(1, height - 1)
    columns, wide, numbers = _shape(nodes, width, room)
    if -(-len(nodes) // columns) > room:
        nodes.sort(key=lambda node: _WORST.get(node.health, 2))
    names = _names(nodes, wide - numbers - _HEAD - _MARKS)
    place = next((n for n, node in enumerate(nodes) if node.name == selected), 0)
    top = max(0, place // columns - room + 1)
    shown = nodes[top * columns : (top + room) * columns]
    callers = {edge.source for edge in view.edges if edge.target == selected}
    callees = {edge.target for edge in view.edges if edge.source == selected}
    rows: list[Row] = []
    for start in range(0, len(shown), columns):
        row: Row = ()
        for node in shown[start : start + columns]:
            relation = CALLS if node.name in callers else CALLED if node.name in callees else " "
            gap: Row = ((" " * GAP, "plain"),) if row else ()
            chosen = node.name == selected
            row = (*row, *gap, *_cell(node, names[node.name], relation, wide, numbers, chosen=chosen))
        rows.append(clip(row, width))
    hits = tuple(
        Hit(node.name, (n % columns) * (wide + GAP), n // columns - top, wide, 1)
        for n, node in enumerate(nodes)
    )
    order = tuple(tuple(node.name for node in nodes[n : n + columns]) for n in range(0, len(nodes), columns))
    if height > 1:
        rows += [()] * (room - len(rows))
        above, below = nodes[: top * columns], nodes[(top + room) * columns :]
        rows.append(_foot(view, selected, above, below, width))
    return Drawing(tuple(rows), hits, order)


def _shape(nodes: Sequence[NodeView], width: int, rows: int) -> tuple[int, int, int]:
    """The number of columns, their width, and the cells of each for numbers: the richest that fits."""
    fitting = _fitting(nodes, width, rows, None) or _fitting(nodes, width, rows, LEAST)
    if fitting is not None:
        return fitting
    # Not all fit: whole names and how they fare, and the rest by scrolling.
    wide = min(width, _longest(nodes) + _HEAD + _MARKS)
    columns = max(1, (width + GAP) // (wide + GAP))
    return columns, (width + GAP) // columns - GAP, 0


def _fitting(
    nodes: Sequence[NodeView], width: int, rows: int, least_name: int | None
) -> tuple[int, int, int] | None:
    """Such a shape for all nodes in so many rows, with names cut a little if a least length is given."""
    name = _longest(nodes)
    if least_name is not None:
        name = min(name, max(least_name, name - _CUT))
    for numbers in _NUMBERS:
        wide = name + numbers + _HEAD + _MARKS
        columns = max(1, (width + GAP) // (wide + GAP))
        if columns * rows >= len(nodes) and wide <= width:
            return columns, (width + GAP) // columns - GAP, numbers
    return None


def _longest(nodes: Sequence[NodeView]) -> int:
    return max((len(node.name) for node in nodes), default=1)


def _names(nodes: Sequence[NodeView], room: int) -> dict[str, str]:
    whole = [node.name for node in nodes]
    return unique_names(whole, room) or {name: squeeze(name, room) for name in whole}


def _cell(node: NodeView, name: str, relation: str, width: int, numbers: int, *, chosen: bool) -> Row:
    label = node_label(node)
    title: Row = (
        (relation, "accent"),
        (f"{label.health.text} ", label.health.tone),
        (name, "selected" if chosen else node.health if node.health in (Tone.BAD, Tone.WARN) else "plain"),
        *node_marks(label),
    )
    row = spread(title, _numbers(node, label, numbers), width)
    return (*row, (" " * max(0, width - length(row)), "plain"))


def _numbers(node: NodeView, label: NodeLabel, cells: int) -> Row:
    if cells == 0:
        return ()
    if node.is_gateway:
        return spans(label.short_rate) if cells >= _NUMBERS[0] else ()
    count = label.replicas or Part("", Tone.DIM)
    words: list[tuple[str, str]] = [(count.text, "warn" if count.tone is Tone.WARN else "dim")]
    if cells >= _NUMBERS[1]:
        words.append(((label.utilisation or UNKNOWN).text.rjust(6), "dim"))
    if cells >= _NUMBERS[0]:
        words.append(((label.short_rate or UNKNOWN).text.rjust(7), "dim"))
    return tuple(words)


def _foot(
    view: TopologyView,
    selected: str | None,
    above: Sequence[NodeView],
    below: Sequence[NodeView],
    width: int,
) -> Row:
    """What the marks before the names mean, what reached no workload, and what is hidden, by health."""
    hidden: Row = ()
    for nodes, where in ((above, "above ↑"), (below, "below ↓")):
        if nodes:
            first, *others = count_by_health(nodes)
            counts = (*spans(first), *(s for part in others for s in ((" · ", "dim"), *spans(part))))
            hidden = (*hidden, *counts, (f" {where}  ", "key"))
    marks: Row = ((f" {'  '.join(relation_words(selected))}", "dim"),) if selected else ()
    if view.lost:
        marks = ((f" {'  '.join(lost_words(view))}", "warn"),)
    return spread(marks, hidden, width)
