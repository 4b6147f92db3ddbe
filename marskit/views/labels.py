"""What a node and an edge of the mesh say, in pieces that a front end arranges."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from marskit import text
from marskit.views.controls import Hint, Move
from marskit.views.tone import SYMBOLS, Part, Tone
from marskit.views.topology import EdgeView, NodeView, TopologyView

NO_MESH = "The mesh appears here when the run begins."
NOTHING_UNHEALTHY = "Nothing is unhealthy."
SHOWS_ALL = Hint(Move.ONLY_UNHEALTHY, "shows all")
CALLS, CALLED = "◂", "▸"
"""Marks of the nodes that call the selected one, and of those that it calls."""
UNKNOWN = Part(text.NOTHING, Tone.DIM)
"""Stands where a number is not known."""
_BUSY = 0.8
"""Utilisation, from 0 to 1, above which a node counts as busy."""


@dataclass(frozen=True, slots=True)
class NodeLabel:
    """The pieces of one node; None where there is nothing to say."""

    title: Part
    """Its name."""
    health: Part
    """The symbol of its health."""
    marks: tuple[Part, ...] = ()
    """One symbol each for the bottleneck, a fault and a canary, where there is no room for badges."""
    badges: tuple[Part, ...] = ()
    """The same in words: `◆ bottleneck`, `↯ slow 3×`, `◇ canary`."""
    replicas: Part | None = None
    """Ready and desired: `2/3`."""
    busy: float | None = None
    """Utilisation, from 0 to 1, for a bar; replicas that are overdrawn exceed 1."""
    busy_tone: Tone = Tone.OK
    utilisation: Part | None = None
    """The same as text: `83 %`."""
    queue: Part | None = None
    """`q 3`."""
    rate: tuple[Part, ...] = ()
    """`41 req/s`, and for the gateway `in`."""
    short_rate: Part | None = None
    """`41/s`."""
    failed: Part | None = None
    """For the gateway: `2 % fail`."""


@dataclass(frozen=True, slots=True)
class EdgeLabel:
    """The pieces of one edge; None where there is nothing to say."""

    line: Tone
    """Tone of the line itself: plain unless the traffic ails."""
    rate: Part | None = None
    """`41 req/s`, or that there is no traffic."""
    short_rate: Part | None = None
    """`41/s`."""
    weight: Part | None = None
    """`50→48 %`."""
    short_weight: Part | None = None
    p95_name: Part | None = None
    p95: Part | None = None
    count: Part | None = None
    """The number of successes behind the p95: `n 1118`."""
    failed: Part | None = None
    """`✖ 4 %`."""
    ejected: Part | None = None
    """`2 out`."""


def node_label(node: NodeView) -> NodeLabel:
    """Everything that a node says about itself."""
    fault_tone, canary = Tone.PERSON, node.canary_of is not None
    marks = (
        (node.is_bottleneck, "◆", Tone.BAD),
        (bool(node.faults), "↯", fault_tone),
        (canary, "◇", Tone.ACCENT),
    )
    badges = (
        *((Part("◆ bottleneck", Tone.BAD),) if node.is_bottleneck else ()),
        *(Part(f"↯ {fault}", fault_tone) for fault in node.faults),
        *((Part("◇ canary", Tone.ACCENT),) if canary else ()),
    )
    known, busy = node.requests_per_s is not None, node.utilisation
    failing = node.error_percent if node.is_gateway else None
    return NodeLabel(
        title=Part(node.name, Tone.STRONG),
        health=Part(SYMBOLS[node.health], node.health),
        marks=tuple(Part(symbol, tone) for shown, symbol, tone in marks if shown),
        badges=badges,
        replicas=_replicas(node),
        busy=busy,
        busy_tone=Tone.WARN if node.queued or (busy or 0.0) > _BUSY else Tone.OK,
        utilisation=None if node.is_gateway or busy is None else Part(text.share(busy)),
        queue=Part(f"q {node.queued:.0f}") if node.queued else None,
        rate=_node_rate(node) if known else (),
        short_rate=Part(text.per_second(node.requests_per_s), Tone.DIM) if known else None,
        failed=None
        if failing is None
        else Part(f"{text.percent(failing)} fail", Tone.BAD if failing else Tone.DIM),
    )


def edge_label(edge: EdgeView) -> EdgeLabel:
    """Everything that an edge says about its traffic."""
    line = edge.health if edge.health in (Tone.BAD, Tone.WARN) else Tone.PLAIN
    if not edge.requests_per_s:
        return EdgeLabel(line, None if edge.requests_per_s is None else Part("no traffic", Tone.DIM))
    split = text.weight(edge.weight_percent, edge.share_percent)
    return EdgeLabel(
        line,
        rate=Part(text.rate(edge.requests_per_s)),
        short_rate=Part(text.per_second(edge.requests_per_s)),
        weight=Part(split, Tone.ACCENT) if split else None,
        short_weight=Part(split.replace(" ", ""), Tone.ACCENT) if split else None,
        p95_name=Part("p95", Tone.DIM),
        p95=Part(
            text.quantile(edge.p95_ms, trusted=edge.trusted),
            edge.health if edge.health is not Tone.UNKNOWN else Tone.DIM,
        ),
        count=Part(f"n {edge.n}", Tone.DIM),
        failed=Part(f"✖ {text.percent(edge.error_percent)}", Tone.BAD) if edge.error_percent else None,
        ejected=Part(f"{edge.ejected} out", Tone.WARN) if edge.ejected else None,
    )


def lost_words(view: TopologyView) -> tuple[str, ...]:
    """The requests that reached no workload, in words."""
    return tuple(f"✖ {lost} reached no replica" for lost in view.lost)


def violation_words(view: TopologyView) -> tuple[str, ...]:
    """The services whose SLO is violated, from the fullest to the shortest; empty if there is none."""
    if not view.violated:
        return ()
    names = ", ".join(each.service for each in view.violated)
    return (
        " · ".join(f"✖ {each.service} {each.text}" for each in view.violated),
        f"✖ {text.plural(len(view.violated), 'SLO')} violated: {names}",
    )


def relation_words(selected: str) -> tuple[str, ...]:
    """What the marks of callers and callees mean in a list of nodes."""
    return f"{CALLS} calls {selected}", f"{CALLED} is called by it"


def count_by_health(nodes: Iterable[NodeView]) -> tuple[Part, ...]:
    """How many of them are well, unknown, warned of and bad; those of which there are none are left out."""
    by = Counter(node.health for node in nodes)
    named = ((Tone.OK, "well", Tone.DIM), (Tone.UNKNOWN, "unknown", Tone.DIM))
    marked = ((tone, SYMBOLS[tone], tone) for tone in (Tone.WARN, Tone.BAD))
    return tuple(Part(f"{by[health]} {word}", tone) for health, word, tone in (*named, *marked) if by[health])


def mesh_title(*, only_unhealthy: bool) -> str:
    """The title of the panel that shows the mesh."""
    return "mesh, only what is unhealthy" if only_unhealthy else "mesh"


def _replicas(node: NodeView) -> Part | None:
    if node.is_gateway or node.replicas_desired is None:
        return None
    words = text.replicas(node.replicas_ready, node.replicas_desired)
    if node.replicas_ready is None:
        return Part(words, Tone.DIM)
    return Part(words, Tone.WARN if node.replicas_ready < node.replicas_desired else Tone.STRONG)


def _node_rate(node: NodeView) -> tuple[Part, ...]:
    rate = Part(text.rate(node.requests_per_s))
    return (rate, Part("in", Tone.DIM)) if node.is_gateway else (rate,)
