"""The mesh as a layered graph: the gateway on the left, then services by call depth."""

from dataclasses import dataclass

from marskit.domain.faults import Delay, Fault, HangReplica, InjectErrors, SlowDown
from marskit.domain.goals import Goals
from marskit.domain.observation import EdgeObservation, Observation, WorkloadObservation
from marskit.domain.state import State
from marskit.domain.topology import GATEWAY, EdgeId, Topology, Workload
from marskit.mapek.analyse.slo import slo_status
from marskit.mapek.analyse.symptoms import ERROR_PERCENT, is_saturated
from marskit.views.current import diagnosis_of
from marskit.views.tone import Tone, of_verdict, worst

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
    layers: list[list[NodeView]] = [[gateway], *([] for _ in range(max(depths.values(), default=0)))]
    desired = dict(state.configuration.replicas) if state.configuration else {}
    for workload in topology.workloads:
        node = _node(
            workload,
            layer=depths[workload.name],
            desired=desired.get(workload.name),
            observation=seen,
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
    )


def call_depths(topology: Topology) -> dict[str, int]:
    """The longest call path from the gateway to each workload, counted from 1; cycles are cut.

    Taking the longest path puts every callee to the right of all its callers.
    """
    depths = {workload.name: 1 for workload in topology.workloads}
    calls = [(edge.source, edge.workload) for edge in topology.edges if edge.source in depths]
    back = _back_calls(topology)
    for _ in depths:
        for source, target in calls:
            if target in depths and (source, target) not in back:
                depths[target] = max(depths[target], depths[source] + 1)
    return depths


def _back_calls(topology: Topology) -> set[tuple[str, str]]:
    """The calls that close a cycle, found by walking from the gateway, then from unvisited workloads."""
    names = [workload.name for workload in topology.workloads]
    callees: dict[str, list[str]] = {name: [] for name in (GATEWAY, *names)}
    for edge in topology.edges:
        if edge.source in callees and edge.workload in callees:
            callees[edge.source].append(edge.workload)
    back: set[tuple[str, str]] = set()
    done: set[str] = set()
    for root in (GATEWAY, *names):
        if root in done:
            continue
        path, on_path = [(root, iter(callees[root]))], {root}
        while path:
            name, rest = path[-1]
            step = next(rest, None)
            if step is None:
                path.pop()
                on_path.discard(name)
                done.add(name)
            elif step in on_path:
                back.add((name, step))
            elif step not in done:
                path.append((step, iter(callees[step])))
                on_path.add(step)
    return back


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
        worst(_condition(seen), _promise(workload.service, observation, goals)) if seen else Tone.UNKNOWN,
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
    )


def _condition(workload: WorkloadObservation) -> Tone:
    """The health of the replicas themselves."""
    if workload.replicas_ready == 0 and workload.replicas_desired > 0:
        return Tone.BAD
    if workload.replicas_missing or is_saturated(workload):
        return Tone.WARN
    return Tone.OK if workload.requests_per_s > 0 else Tone.UNKNOWN


def _promise(service: str, observation: Observation | None, goals: Goals) -> Tone:
    """Whether the workload's service meets its SLO."""
    slo = goals.slo(service)
    if slo is None or observation is None or all(row.service != service for row in observation.services):
        return Tone.UNKNOWN
    return of_verdict(slo_status(slo, observation).met)


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
