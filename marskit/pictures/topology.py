"""The mesh as SVG: nodes in layers, traffic as lines whose width tells the rate."""

from dataclasses import dataclass
from html import escape
from math import sqrt

from marskit.pictures.tones import HALO, colour, svg, svg_text
from marskit.views.labels import NO_MESH, EdgeLabel, NodeLabel, violation_words
from marskit.views.layout import Hop, Layout, Slot, lay_out, place
from marskit.views.tone import Part, Tone
from marskit.views.topology import TopologyView

_ROW = 16.0
"""Height of a row of text."""
_NODE, _STEP = 236.0, 412.0
"""Width of a node, and distance between the left sides of two layers."""
_TALL, _GAP = 4, 2
"""Rows of a node, and between nodes."""
_MARGIN = 14.0
_LETTER = 6.9
"""Width of a letter, to shorten names that would not fit."""
_WIDEST = 9.0
"""Width of the line of the busiest edge."""


@dataclass(frozen=True, slots=True)
class _Box:
    left: float
    top: float
    height: float


def topology_svg(view: TopologyView, *, selected: str | None = None, is_live: bool = False) -> str:
    """The mesh, from the gateway on the left to the last services on the right.

    Args:
        view: The mesh.
        selected: The node with a thicker frame.
        is_live: Whether a person can select nodes; a saved picture offers nothing.
    """
    if not view.nodes:
        return svg(420, 40, NO_MESH, [svg_text(_MARGIN, 24, NO_MESH, Tone.DIM)])
    layout = place(lay_out(view), _TALL, _GAP)
    tallest = max(layout.heights)
    boxes = {
        (depth, index): _Box(
            _MARGIN + depth * _STEP,
            _MARGIN + ((tallest - layout.heights[depth]) / 2 + slot.top) * _ROW,
            slot.rows * _ROW,
        )
        for depth, layer in enumerate(layout.layers)
        for index, slot in enumerate(layer)
    }
    width = 2 * _MARGIN + (len(layout.layers) - 1) * _STEP + _NODE
    most = max((edge.requests_per_s or 0.0 for edge in view.edges), default=0.0) or 1.0
    parts = [_line(hop, boxes, layout, most) for hop in layout.hops]
    parts += [
        _node(slot, boxes[depth, index], selected=selected, is_live=is_live)
        for depth, layer in enumerate(layout.layers)
        for index, slot in enumerate(layer)
    ]
    parts += [_edge_words(hop, boxes, layout) for hop in layout.hops if hop.last]
    foot = [*layout.foot, *(Part(words, Tone.BAD) for words in violation_words(view)[:1])]
    below = 2 * _MARGIN + tallest * _ROW
    parts += [svg_text(_MARGIN, below + n * _ROW, part.text, part.tone) for n, part in enumerate(foot)]
    return svg(width, below + len(foot) * _ROW, "mesh", parts)


def _ends(hop: Hop, boxes: dict[tuple[int, int], _Box], layout: Layout) -> tuple[float, float, float, float]:
    """Where the line begins and ends."""
    start, end = boxes[hop.layer, hop.start], boxes[hop.layer + 1, hop.end]
    slot, target = layout.layers[hop.layer][hop.start], layout.layers[hop.layer + 1][hop.end]
    x1 = start.left + (_NODE if slot.node is not None else 0.0)
    ports = max(1, len(target.edges))
    y2 = end.top + end.height * (hop.port + 1) / (ports + 1)
    y1 = start.top + start.height / 2
    return x1, y1, end.left, y2


def _line(hop: Hop, boxes: dict[tuple[int, int], _Box], layout: Layout, most: float) -> str:
    x1, y1, x2, y2 = _ends(hop, boxes, layout)
    middle = (x1 + x2) / 2
    rate = hop.edge.requests_per_s or 0.0
    width = 1.0 + (_WIDEST - 1.0) * sqrt(rate / most) if rate else 1.0
    dash = "" if rate else ' stroke-dasharray="3 4"'
    path = f"M{x1:.1f} {y1:.1f} C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    return (
        f'<path d="{path}" fill="none" stroke="{colour(hop.label.line)}" stroke-width="{width:.1f}" '
        f'stroke-opacity="0.45"{dash}/>'
    )


def _edge_words(hop: Hop, boxes: dict[tuple[int, int], _Box], layout: Layout) -> str:
    _, _, x2, y2 = _ends(hop, boxes, layout)
    label: EdgeLabel = hop.label
    first = [part for part in (label.rate, label.weight) if part is not None]
    second = [part for part in (label.p95, label.count, label.failed, label.ejected) if part is not None]
    lines = [_words(x2 - 6, y2 - 7, first), _words(x2 - 6, y2 + 16, second)]
    return "".join(lines)


def _words(x: float, y: float, parts: list[Part]) -> str:
    """Pieces in their tones on one line that ends at x."""
    if not parts:
        return ""
    pieces = " ".join(_tspan(part) for part in parts)
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="end" font-size="11" style="{HALO}">{pieces}</text>'


def _tspan(part: Part) -> str:
    inner = svg_text(0, 0, part.text, part.tone)
    # The same attributes as a text of its own, without its place.
    attributes = inner[inner.index(" fill=") : inner.index(">")]
    return f"<tspan{attributes}>{inner[inner.index('>') + 1 : inner.rindex('<')]}</tspan>"


def _node(slot: Slot, box: _Box, *, selected: str | None, is_live: bool) -> str:
    node, label = slot.node, slot.label
    if node is None or label is None:
        return ""
    middle = box.top + box.height / 2 - 1.5 * _ROW
    rect = (
        f'<rect x="{box.left:.1f}" y="{box.top:.1f}" width="{_NODE:g}" height="{box.height:.1f}" rx="6" '
        f'fill="{colour(node.health)}" fill-opacity="0.08" stroke="{colour(node.health)}" '
        f'stroke-width="{2.5 if node.name == selected else 1:g}"/>'
    )
    right = label.replicas.text if label.replicas else ""
    fits = int((_NODE - 34) / _LETTER) - len(right) - 1
    title = label.title.text if len(label.title.text) <= fits else f"{label.title.text[: fits - 1]}…"
    parts = [
        rect,
        svg_text(box.left + 8, middle + 12, label.health.text, label.health.tone),
        svg_text(box.left + 24, middle + 12, title, label.title.tone),
    ]
    if label.replicas:
        parts.append(svg_text(box.left + _NODE - 8, middle + 12, right, label.replicas.tone, anchor="end"))
    parts += _figures(label, box.left, middle)
    name = escape(node.name)
    act = f' data-node="{name}" tabindex="0" role="button" aria-label="{name}"' if is_live else ""
    return f"<g{act}><title>{_title(label)}</title>{''.join(parts)}</g>"


def _figures(label: NodeLabel, left: float, top: float) -> list[str]:
    rate = " ".join(part.text for part in label.rate)
    parts = [svg_text(left + 8, top + 28, rate, Tone.DIM, size=11)] if rate else []
    second = [part for part in (label.utilisation, label.queue, label.failed) if part is not None]
    if second:
        parts.append(_words(left + _NODE - 8, top + 28, second))
    if label.badges:
        words = Part(" ".join(part.text for part in label.badges), label.badges[0].tone)
        fits = int((_NODE - 16) / 6.0)
        shown = words.text if len(words.text) <= fits else f"{words.text[: fits - 1]}…"
        parts.append(svg_text(left + 8, top + 44, shown, words.tone, size=11))
    return parts


def _title(label: NodeLabel) -> str:
    known = (label.replicas, label.utilisation, label.queue, *label.rate, *label.badges)
    return escape(" ".join([label.title.text, *(part.text for part in known if part is not None)]))
