"""Finds the workload that causes an SLO violation, by a walk down the call graph."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from marskit import text
from marskit.domain.diagnosis import SloStatus
from marskit.domain.observation import EdgeObservation, Observation, WorkloadObservation
from marskit.domain.topology import Topology
from marskit.mapek.analyse.symptoms import has_queue, is_saturated

# A saturated workload needs only half the evidence: its slowness is explained, not only observed.
_SATURATED_FACTOR = 2.0


@dataclass(frozen=True, slots=True)
class Blame:
    """The result of the walk from one violated SLO."""

    service: str
    """The service whose SLO is violated."""
    workload: str
    path: tuple[str, ...]
    """The workloads on the walk, the blamed one last."""
    sentence: str


def find_bottleneck(
    status: SloStatus, observation: Observation, topology: Topology, silent: Sequence[str] = ()
) -> Blame | None:
    """Walk from the violated service to the workload whose callees do not explain the violation.

    A callee explains its caller if it accounts for more of the caller's p95 than the caller itself, or
    for at least half of the caller's failures. A `silent` workload behind the service explains it before
    anything that has finished. None if no workload serves the service.
    """
    for name in silent:
        if (way := _way(status.service, name, topology)) is not None:
            via = f" (via {' → '.join(way)})" if len(way) > 1 else ""
            sentence = f"Requests to {status.service} wait for {name}{via}, which does not answer them."
            return Blame(status.service, name, way, sentence)
    by_errors = status.latency_met is not False
    workload = _worst(status.service, None, observation, topology, by_errors=by_errors)
    path: list[str] = []
    while workload is not None and workload not in path:
        path.append(workload)
        callee = _explaining_callee(workload, observation, topology, by_errors=by_errors)
        workload = callee and _worst(callee, path[-1], observation, topology, by_errors=by_errors)
    if not path:
        return None
    return Blame(
        service=status.service,
        workload=path[-1],
        path=tuple(path),
        sentence=_sentence(status.service, path, observation, by_errors=by_errors),
    )


def _way(service: str, workload: str, topology: Topology) -> tuple[str, ...] | None:
    """The shortest way of calls from the service to the workload; None if there is none."""
    ways: deque[tuple[str, ...]] = deque((name,) for name in _behind(service, topology))
    seen = set[str]()
    while ways:
        way = ways.popleft()
        if way[-1] == workload:
            return way
        if way[-1] not in seen:
            seen.add(way[-1])
            callees = topology.callees(way[-1])
            ways.extend((*way, name) for callee in callees for name in _behind(callee, topology))
    return None


def _edges(
    observation: Observation, *, source: str | None = None, service: str | None = None
) -> list[EdgeObservation]:
    return [
        edge
        for edge in observation.edges
        if source in (None, edge.edge.source) and service in (None, edge.edge.service)
    ]


def _explaining_callee(
    caller: str, observation: Observation, topology: Topology, *, by_errors: bool
) -> str | None:
    """The callee that contributes most, if it contributes more than the caller itself."""
    into = [edge for edge in observation.edges if edge.edge.workload == caller]
    weights: dict[str, float] = {}
    blamed: dict[str, float] = {}
    for service in topology.callees(caller):
        edges = _edges(observation, source=caller, service=service)
        weights[service] = (
            sum(e.failures_per_s for e in edges) if by_errors else max((_p95(e) for e in edges), default=0.0)
        )
        saturated = any(is_saturated(observation.workload(w)) for w in _behind(service, topology))
        blamed[service] = weights[service] * (_SATURATED_FACTOR if saturated else 1.0)
    if not blamed:
        return None
    heaviest = max(blamed, key=lambda service: blamed[service])
    if by_errors:
        own = sum(edge.failures_per_s for edge in into)
        explained = own > 0 and blamed[heaviest] >= own / 2
    else:
        own = max((_p95(edge) for edge in into), default=0.0)
        explained = blamed[heaviest] > 0 and blamed[heaviest] > own - sum(weights.values())
    return heaviest if explained else None


def _worst(
    service: str, caller: str | None, observation: Observation, topology: Topology, *, by_errors: bool
) -> str | None:
    """The service's workload that fails or delays most; one without ready replicas comes first."""

    def badness(name: str) -> tuple[bool, float, float]:
        workload = observation.workload(name)
        edges = [e for e in _edges(observation, source=caller, service=service) if e.edge.workload == name]
        factor = _SATURATED_FACTOR if is_saturated(workload) else 1.0
        harm = (
            sum(e.failures_per_s for e in edges) if by_errors else max((_p95(e) for e in edges), default=0.0)
        )
        return by_errors and workload.replicas_ready == 0, harm * factor, workload.utilisation or 0.0

    return max(_behind(service, topology), key=badness, default=None)


def _behind(service: str, topology: Topology) -> tuple[str, ...]:
    """The workloads of the service; none if it is outside the mesh."""
    return next((s.workloads for s in topology.services if s.name == service), ())


def _p95(edge: EdgeObservation) -> float:
    """In ms; 0 while there are too few successes to blame the edge."""
    return (edge.latency.p95_ms or 0.0) if edge.latency.p95_is_trusted else 0.0


def _sentence(service: str, path: list[str], observation: Observation, *, by_errors: bool) -> str:
    workload = observation.workload(path[-1])
    what = "failures" if by_errors else "latency"
    via = f" (via {' → '.join(path)})" if len(path) > 1 else ""
    return (
        f"The {what} of {service} {'come' if by_errors else 'comes'} from {path[-1]}{via}{_state(workload)}."
    )


def _state(workload: WorkloadObservation) -> str:
    words = []
    if workload.replicas_missing:
        words.append(f"has {workload.replicas_ready} of {workload.replicas_desired} replicas ready")
    if workload.utilisation is not None:
        words.append(f"is {text.share(workload.utilisation)} busy")
    if has_queue(workload):
        words.append(f"has {workload.queued:.0f} requests waiting")
    return f", which {' and '.join(words)}" if words else ""
