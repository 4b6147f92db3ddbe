"""Where every node and line of the mesh is, in units that characters and pixels can both be made of.

A layer is one step to the right, and a row is one line of text: a terminal takes a cell for it, a picture
a line's height.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from marskit.views.labels import EdgeLabel, NodeLabel, edge_label, lost_words, node_label
from marskit.views.tone import Part, Tone
from marskit.views.topology import EdgeView, NodeView, TopologyView


@dataclass(frozen=True, slots=True)
class Slot:
    """A node, or the place where a long edge passes through a layer."""

    node: NodeView | None
    label: NodeLabel | None
    edges: tuple[EdgeView, ...]
    """The edges that end here, or the one that passes through."""
    top: int = 0
    """Rows above it in its layer, once placed."""
    rows: int = 1
    """Its height in rows, once placed."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One edge, or the part of a long one, from a slot to a slot in the next layer."""

    edge: EdgeView
    label: EdgeLabel
    layer: int
    start: int
    end: int
    port: int
    """The index of this line among those that enter the end."""
    last: bool
    """Whether this hop ends at the node, where the edge's label stands."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Slots layer by layer, hops between neighbours, and what cannot be drawn as a line, in words."""

    layers: tuple[tuple[Slot, ...], ...]
    hops: tuple[Hop, ...]
    backward: tuple[EdgeView, ...]
    """Edges that lead back or sideways."""
    foot: tuple[Part, ...] = ()
    """Those edges in words, and the requests that reached no workload."""
    heights: tuple[int, ...] = ()
    """The rows that each layer takes, once placed; a layer is drawn in the middle of the tallest."""


def lay_out(view: TopologyView) -> Layout:
    """Give every node and every passing edge a slot, close to the slots that call it."""
    layer_of = {node.name: node.layer for node in view.nodes}
    forward = [e for e in view.edges if layer_of[e.source] < layer_of[e.target]]
    backward = tuple(e for e in view.edges if layer_of[e.source] >= layer_of[e.target])
    layers: list[tuple[Slot, ...]] = []
    hops: list[Hop] = []
    placed: dict[tuple[str, str] | str, int] = {}
    for depth, nodes in enumerate(view.layers):
        slots = [Slot(n, node_label(n), tuple(e for e in forward if e.target == n.name)) for n in nodes]
        slots += [Slot(None, None, (e,)) for e in forward if layer_of[e.source] < depth < layer_of[e.target]]
        start = partial(_start, placed=dict(placed))
        slots.sort(key=partial(_middle, start=start))
        for index, slot in enumerate(slots):
            hops += [
                Hop(
                    edge,
                    edge_label(edge),
                    depth - 1,
                    start(edge),
                    index,
                    port,
                    last=slot.node is not None,
                )
                for port, edge in enumerate(sorted(slot.edges, key=start))
            ]
            if slot.node is not None:
                placed[slot.node.name] = index
            else:
                placed[slot.edges[0].source, slot.edges[0].target] = index
        layers.append(tuple(slots))
    return Layout(tuple(layers), tuple(hops), backward, _foot(view, backward))


def place(layout: Layout, tall: int, gap: int) -> Layout:
    """The layout with every slot in its rows.

    Args:
        layout: The layout.
        tall: Rows of a node that one line at most enters; more lines make it taller.
        gap: Rows between nodes.
    """
    layers, heights = [], []
    for layer in layout.layers:
        top, slots = 0, []
        for slot in layer:
            rows = _rows(slot, tall)
            slots.append(replace(slot, top=top, rows=rows))
            top += rows + gap
        layers.append(tuple(slots))
        heights.append(top - gap)
    return replace(layout, layers=tuple(layers), heights=tuple(heights))


def neighbour(view: TopologyView, selected: str | None, dx: int, dy: int) -> str | None:
    """The node that an arrow key reaches from the selected one."""
    if not view.layers or not any(view.layers):
        return None
    layout = lay_out(view)
    columns: list[list[NodeView]] = [[s.node for s in layer if s.node is not None] for layer in layout.layers]
    for x, column in enumerate(columns):
        for y, node in enumerate(column):
            if node.name == selected:
                if dy:
                    return column[min(max(y + dy, 0), len(column) - 1)].name
                beside = columns[min(max(x + dx, 0), len(columns) - 1)]
                return beside[min(y, len(beside) - 1)].name if beside else selected
    return next(column[0].name for column in columns if column)


def _rows(slot: Slot, tall: int) -> int:
    """The height of a slot, large enough for the lines that enter it."""
    if slot.node is None:
        return 1
    ports = len(slot.edges)
    return max(tall, ports * 2 + 1) if ports > 1 else tall


def _foot(view: TopologyView, backward: tuple[EdgeView, ...]) -> tuple[Part, ...]:
    tone = Tone.WARN if view.lost else Tone.DIM
    return (
        *(Part(f"↩ {edge.source} → {edge.target}", tone) for edge in backward),
        *(Part(words, tone) for words in lost_words(view)),
    )


def _middle(slot: Slot, start: Callable[[EdgeView], int]) -> float:
    """The best position beside the callers in the previous layer."""
    starts = [start(edge) for edge in slot.edges]
    return sum(starts) / len(starts) if starts else 0.0


def _start(edge: EdgeView, placed: dict[tuple[str, str] | str, int]) -> int:
    """The slot in the previous layer where the edge starts: its source, or where it passed through."""
    passed = placed.get((edge.source, edge.target))
    return placed.get(edge.source, 0) if passed is None else passed
