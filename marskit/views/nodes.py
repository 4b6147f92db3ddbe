"""One workload in full: its replicas, traffic, bounds, and the actions on it."""

from marskit import text
from marskit.domain.actions import describe, target
from marskit.domain.records import Outcome
from marskit.domain.state import State
from marskit.domain.topology import GATEWAY
from marskit.views.actions import outcome_mark
from marskit.views.document import Block, Cell, Document, Heading, Sentence, Table
from marskit.views.tone import SYMBOLS, Tone
from marskit.views.topology import EdgeView, topology_view


def node_document(state: State, name: str) -> Document:
    """Everything known about the node of that name."""
    view = topology_view(state)
    node = view.node(name)
    if node is None or state.started is None:
        return (Sentence("This node is not in the mesh.", Tone.DIM),)
    blocks: list[Block] = []
    if node.is_gateway:
        blocks.append(Sentence(state.gateway_url or "The gateway does not answer yet.", Tone.STRONG))
    else:
        workload = state.started.topology.workload(name)
        ready = text.replicas(node.replicas_ready, node.replicas_desired)
        blocks += [
            Sentence(f"{name} serves {node.service}.", node.health, SYMBOLS[node.health]),
            Sentence(
                f"{ready} replicas ready (bounds {workload.min_replicas} to {workload.max_replicas}), "
                f"utilisation {text.share(node.utilisation)}, {text.number(node.queued)} queued, "
                f"{text.rate(node.requests_per_s)}."
            ),
        ]
        slo = state.started.goals.slo(node.service)
        if slo is not None:
            blocks.append(
                Sentence(
                    f"Objective: p{100 * slo.quantile:g} under {text.ms(slo.latency_ms)}, "
                    f"{slo.availability_percent:g} % available.",
                    Tone.DIM,
                )
            )
        blocks += [Sentence(fault, Tone.PERSON, "↯") for fault in node.faults]
    blocks += _edges("called by", [(e.source, e) for e in view.edges if e.target == name])
    blocks += _edges("calls", [(e.target, e) for e in view.edges if e.source == name])
    done = [e for e in state.executions if name != GATEWAY and name in target(e.action).split("/")]
    if done:
        blocks.append(Heading("actions on it"))
        for execution in reversed(done[-10:]):
            symbol, tone = outcome_mark(execution.outcome)
            why = "" if execution.outcome is Outcome.APPLIED else f": {execution.reason}"
            blocks.append(
                Sentence(f"{text.clock(execution.at_s)}  {describe(execution.action)}{why}", tone, symbol)
            )
    return tuple(blocks)


def _edges(title: str, edges: list[tuple[str, EdgeView]]) -> list[Block]:
    if not edges:
        return []
    return [
        Table(
            (title, "req/s", "p95", "n", "errors", "weight"),
            tuple(
                (
                    Cell(f"{SYMBOLS[edge.health]} {name}", edge.health),
                    Cell(text.number(edge.requests_per_s)),
                    Cell(text.quantile(edge.p95_ms, trusted=edge.trusted)),
                    Cell(str(edge.n), Tone.DIM),
                    Cell(text.percent(edge.error_percent)),
                    Cell(text.weight(edge.weight_percent, edge.share_percent)),
                )
                for name, edge in edges
            ),
        )
    ]
