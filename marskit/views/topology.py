"""The mesh as a layered graph: the gateway on the left, then services by call depth."""

from dataclasses import dataclass, replace

from marskit import text
from marskit.domain.faults import Delay, Fault, HangReplica, InjectErrors, SlowDown
from marskit.domain.goals import Goals, Slo
from marskit.domain.observation import EdgeObservation, Observation, WorkloadObservation
from marskit.domain.state import State
from marskit.domain.topology import GATEWAY, EdgeId, Workload
from marskit.mapek.analyse.slo import slo_status
from marskit.mapek.analyse.symptoms import ERROR_PERCENT, is_saturated
from marskit.mapek.monitor.measures import MIN_MEAN_REQUESTS, Own, own_measures
from marskit.views.current import diagnosis_of
from marskit.views.depths import call_depths
from marskit.views.tone import Tone, worst

NEAR_PERCENT = 80.0
"""Share of its objective, in percent, above which a latency counts as near the limit."""


@dataclass(frozen=True, slots=True)
class NodeView:
    """One workload, or the gateway."""

    name: str
    service: str
    layer: int
    health: Tone
    is_gateway: bool = False
    is_bottleneck: bool = False
    replicas_ready: int | None = None
    replicas_desired: int | None = None
    utilisation: float | None = None
    queued: float | None = None
    requests_per_s: float | None = None
    error_percent: float | None = None
    """Share of the users' requests that failed; for the gateway only."""
    faults: tuple[str, ...] = ()
    """The active faults, in a word or two each."""
    canary_of: str | None = None
    """The workload that this one is a canary of."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A service that violates its SLO now."""

    service: str
    text: str
    """What it is beside what it should be: `p95 927 ms > 300 ms`."""


@dataclass(frozen=True, slots=True)
class EdgeView:
    """The traffic from one node to another."""

    source: str
    target: str
    health: Tone
    requests_per_s: float | None = None
    p95_ms: float | None = None
    n: int = 0
    trusted: bool = False
    """Whether the p95 rests on enough samples."""
    error_percent: float | None = None
    retries_per_s: float | None = None
    ejected: int | None = None
    weight_percent: int | None = None
    share_percent: float | None = None


@dataclass(frozen=True, slots=True)
class TopologyView:
    """The whole graph, ready to draw from left to right."""

    layers: tuple[tuple[NodeView, ...], ...] = ()
    edges: tuple[EdgeView, ...] = ()
    lost: tuple[str, ...] = ()
    """Services that answered requests which reached no workload, each with its rate as text."""
    violated: tuple[Violation, ...] = ()
    """The services whose SLO is violated: a promise of the service, whichever workload is the cause."""

    @property
    def nodes(self) -> tuple[NodeView, ...]:
        """All nodes, layer by layer."""
        return tuple(node for layer in self.layers for node in layer)

    def node(self, name: str) -> NodeView | None:
        """The node of that name, or None if it does not exist."""
        return next((node for node in self.nodes if node.name == name), None)


def topology_view(state: State) -> TopologyView:
    """The run's graph with its newest numbers; empty before the run begins."""
    if state.started is None:
        return TopologyView()
    topology, goals, seen = state.started.topology, state.started.goals, state.observation
    depths = call_depths(topology)
    diagnosis = diagnosis_of(state)
    bottleneck = diagnosis.bottleneck if diagnosis else None
    entering, failing = _entering(seen)
    gateway = NodeView(
        GATEWAY,
        GATEWAY,
        0,
        Tone.OK if state.gateway_url else Tone.UNKNOWN,
        is_gateway=True,
        requests_per_s=entering,
        error_percent=100.0 * failing / entering if entering else None,
    )
    owns = {own.workload: own for own in own_measures(seen)} if seen else {}
    layers: list[list[NodeView]] = [[gateway], *([] for _ in range(max(depths.values(), default=0)))]
    desired = dict(state.configuration.replicas) if state.configuration else {}
    for workload in topology.workloads:
        node = _node(
            workload,
            layer=depths[workload.name],
            desired=desired.get(workload.name),
            observation=seen,
            own=owns.get(workload.name),
            goals=goals,
            bottleneck=bottleneck,
            faults=state.faults,
        )
        layers[node.layer].append(node)
    observed = {edge.edge: edge for edge in seen.edges} if seen else {}
    known = {GATEWAY, *depths}
    return TopologyView(
        layers=tuple(tuple(layer) for layer in layers),
        edges=tuple(
            _edge(edge, observed.get(edge), goals)
            for edge in topology.edges
            if edge.source in known and edge.workload in known
        ),
        lost=tuple(
            f"{edge.service} {observed[edge].failures_per_s:.1f}/s"
            for edge in observed
            if edge.workload not in known and observed[edge].failures_per_s > 0
        ),
        violated=_violated(seen, goals) if seen else (),
    )


def unhealthy(view: TopologyView) -> TopologyView:
    """Only the nodes that ail, or that traffic ails on its way to, with their callers."""
    ill = {node.name for node in view.nodes if node.health in (Tone.BAD, Tone.WARN) or node.is_bottleneck}
    ill |= {edge.target for edge in view.edges if edge.health is Tone.BAD}
    kept = ill | {edge.source for edge in view.edges if edge.target in ill}
    layers = [nodes for layer in view.layers if (nodes := [node for node in layer if node.name in kept])]
    return replace(
        view,
        layers=tuple(tuple(replace(node, layer=n) for node in layer) for n, layer in enumerate(layers)),
        edges=tuple(edge for edge in view.edges if edge.source in kept and edge.target in kept),
    )


def _entering(observation: Observation | None) -> tuple[float | None, float]:
    """The rate of incoming requests and of those that fail, per second."""
    if observation is None:
        return None, 0.0
    edges = [edge for edge in observation.edges if edge.edge.source == GATEWAY]
    return sum(edge.requests_per_s for edge in edges), sum(edge.failures_per_s for edge in edges)


def _node(
    workload: Workload,
    *,
    layer: int,
    desired: int | None,
    observation: Observation | None,
    own: Own | None,
    goals: Goals,
    bottleneck: str | None,
    faults: tuple[Fault, ...],
) -> NodeView:
    rows = observation.workloads if observation else ()
    seen = next((row for row in rows if row.workload == workload.name), None)
    return NodeView(
        workload.name,
        workload.service,
        layer,
        worst(_condition(seen), _conduct(own, goals.slo(workload.service))) if seen else Tone.UNKNOWN,
        is_bottleneck=workload.name == bottleneck,
        replicas_ready=seen.replicas_ready if seen else None,
        replicas_desired=seen.replicas_desired if seen else desired,
        utilisation=seen.utilisation if seen else None,
        queued=seen.queued if seen else None,
        requests_per_s=seen.requests_per_s if seen else None,
        faults=(
            *_hung(faults, workload.name),
            *(word for fault in faults if (word := _fault(fault, workload.name))),
        ),
        canary_of=workload.canary_of,
    )


def _condition(workload: WorkloadObservation) -> Tone:
    """The health of the replicas themselves."""
    if workload.replicas_ready == 0 and workload.replicas_desired > 0:
        return Tone.BAD
    if workload.replicas_missing or is_saturated(workload):
        return Tone.WARN
    return Tone.OK if workload.requests_per_s > 0 else Tone.UNKNOWN


def _conduct(own: Own | None, slo: Slo | None) -> Tone:
    """The health of what the workload itself did to its requests, without what it inherited."""
    if own is None or own.requests < MIN_MEAN_REQUESTS:
        return Tone.UNKNOWN
    allowed = 100.0 - slo.availability_percent if slo else ERROR_PERCENT
    if 100.0 * (own.errors + own.lost) / own.requests > allowed:
        return Tone.BAD
    slow = slo is not None and own.latency_ms is not None and own.latency_ms > slo.latency_ms
    return Tone.BAD if slow else Tone.OK


def _violated(observation: Observation, goals: Goals) -> tuple[Violation, ...]:
    found = []
    for slo in goals.slos:
        if all(row.service != slo.service for row in observation.services):
            continue
        status = slo_status(slo, observation)
        words = []
        if status.latency_met is False:
            words.append(
                f"p{100 * slo.quantile:g} {text.ms(status.latency_p95_ms)} > {text.ms(slo.latency_ms)}"
            )
        if status.availability_met is False:
            failed = 100.0 - (status.availability_percent or 0.0)
            words.append(f"errors {text.percent(failed)} > {100.0 - slo.availability_percent:g} %")
        if words:
            found.append(Violation(slo.service, ", ".join(words)))
    return tuple(found)


def _hung(faults: tuple[Fault, ...], workload: str) -> tuple[str, ...]:
    count = faults.count(HangReplica(workload))
    return (f"{count} hung",) if count else ()


def _fault(fault: Fault, workload: str) -> str:
    match fault:
        case SlowDown(name, factor) if name == workload:
            return f"slow {factor:g}×"
        case InjectErrors(name, percent) if name == workload:
            return f"errors {percent:g} %"
        case Delay(name, delay_ms) if name == workload:
            return f"+{delay_ms} ms"
        case _:
            return ""


def _edge(edge: EdgeId, seen: EdgeObservation | None, goals: Goals) -> EdgeView:
    if seen is None:
        return EdgeView(edge.source, edge.workload, Tone.UNKNOWN)
    return EdgeView(
        edge.source,
        edge.workload,
        _traffic(seen, goals),
        requests_per_s=seen.requests_per_s,
        p95_ms=seen.latency.p95_ms,
        n=seen.latency.n,
        trusted=seen.latency.p95_is_trusted,
        error_percent=seen.error_percent,
        retries_per_s=seen.retries_per_s,
        ejected=seen.ejected,
        weight_percent=seen.weight_percent,
        share_percent=seen.share_percent,
    )


def _traffic(edge: EdgeObservation, goals: Goals) -> Tone:
    """The health of one edge, judged by the SLO of the service it calls."""
    if edge.error_percent is None:
        return Tone.UNKNOWN
    slo = goals.slo(edge.edge.service)
    if edge.error_percent > (100.0 - slo.availability_percent if slo else ERROR_PERCENT):
        return Tone.BAD
    p95_ms = edge.latency.p95_ms
    if slo is not None and p95_ms is not None and edge.latency.p95_is_trusted:
        if p95_ms > slo.latency_ms:
            return Tone.BAD
        if p95_ms > slo.latency_ms * NEAR_PERCENT / 100.0:
            return Tone.WARN
    return Tone.WARN if edge.error_percent > 0 or edge.ejected else Tone.OK
