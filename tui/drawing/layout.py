"""Places the nodes of a layered graph: rows within layers, and lines that pass through layers."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from marskit.views.topology import EdgeView, NodeView, TopologyView


@dataclass(frozen=True, slots=True)
class Slot:
    """A node, or the place where a long edge passes through a layer."""

    node: NodeView | None
    edges: tuple[EdgeView, ...]
    """The edges that end here, or the one that passes through."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One edge, or the part of a long one, from a slot to a slot in the next layer."""

    edge: EdgeView
    layer: int
    start: int
    end: int
    port: int
    """The index of this line among those that enter the end."""
    last: bool
    """Whether this hop ends at the node, where the edge's label stands."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Slots layer by layer, hops between neighbours, and edges that lead back or sideways."""

    layers: tuple[tuple[Slot, ...], ...]
    hops: tuple[Hop, ...]
    backward: tuple[EdgeView, ...]


def lay_out(view: TopologyView) -> Layout:
    """Give every node and every passing edge a slot, close to the slots that call it."""
    layer_of = {node.name: node.layer for node in view.nodes}
    forward = [e for e in view.edges if layer_of[e.source] < layer_of[e.target]]
    backward = tuple(e for e in view.edges if layer_of[e.source] >= layer_of[e.target])
    layers: list[tuple[Slot, ...]] = []
    hops: list[Hop] = []
    place: dict[tuple[str, str] | str, int] = {}
    for depth, nodes in enumerate(view.layers):
        slots = [Slot(n, tuple(e for e in forward if e.target == n.name)) for n in nodes]
        slots += [Slot(None, (e,)) for e in forward if layer_of[e.source] < depth < layer_of[e.target]]
        start = partial(_start, place=dict(place))
        slots.sort(key=partial(_middle, start=start))
        for index, slot in enumerate(slots):
            hops += [
                Hop(edge, depth - 1, start(edge), index, port, last=slot.node is not None)
                for port, edge in enumerate(sorted(slot.edges, key=start))
            ]
            if slot.node is not None:
                place[slot.node.name] = index
            else:
                place[slot.edges[0].source, slot.edges[0].target] = index
        layers.append(tuple(slots))
    return Layout(tuple(layers), tuple(hops), backward)


def _middle(slot: Slot, start: Callable[[EdgeView], int]) -> float:
    """The best position beside the callers in the previous layer."""
    starts = [start(edge) for edge in slot.edges]
    return sum(starts) / len(starts) if starts else 0.0


def _start(edge: EdgeView, place: dict[tuple[str, str] | str, int]) -> int:
    """The slot in the previous layer where the edge starts: its source, or where it passed through."""
    passed = place.get((edge.source, edge.target))
    return place.get(edge.source, 0) if passed is None else passed
