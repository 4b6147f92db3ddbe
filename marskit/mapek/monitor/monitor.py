"""Monitor: combines many short samples into one observation of the recent window."""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from itertools import pairwise

from marskit.domain.config import Configuration
from marskit.domain.goals import Goals
from marskit.domain.load import LoadSample
from marskit.domain.metrics import ConfigGeneration, EdgeSample, Histogram, MeshSample, WorkloadSample, merge
from marskit.domain.observation import (
    EdgeObservation,
    Latency,
    MeshCounts,
    Observation,
    ReplicaObservation,
    ServiceObservation,
    WorkloadObservation,
)
from marskit.domain.topology import GATEWAY, EdgeId, Topology, Workload
from marskit.mapek.monitor.silence import Silence, Silences

# A rounding error must not make a sample overlap the one that begins where it ends.
_EPSILON_S = 1e-6


class Monitor:
    """Keeps the samples of the last `window_s` real seconds and combines them."""

    def __init__(self, topology: Topology, goals: Goals, window_s: float) -> None:
        self._topology = topology
        self._goals = goals
        self._window_s = window_s
        self._samples: deque[MeshSample] = deque()
        self._silences = Silences()
        self._before: MeshSample | None = None
        """The sample before the window, for the changes within the window's first sample."""
        self._entered = MeshCounts()
        """The users' requests in all samples so far."""

    def add(self, sample: MeshSample) -> None:
        """Add a sample and drop those that ended before the window."""
        self._samples.append(sample)
        entrances = [each for each in sample.edges if each.edge.source == GATEWAY]
        self._entered = self._entered.plus(
            MeshCounts(
                sum(each.requests for each in entrances),
                sum(each.failures for each in entrances),
                sample.unrouted,
                sample.counter_resets,
            )
        )
        self._silences.add(sample)
        while self._samples[0].at_s <= sample.at_s - self._window_s + _EPSILON_S and len(self._samples) > 1:
            self._before = self._samples.popleft()

    def reset(self) -> None:
        """Forget all samples."""
        self._samples.clear()
        self._silences = Silences()
        self._before = None
        self._entered = MeshCounts()

    def observe(
        self, configuration: Configuration, load: LoadSample | None, *, since_s: float | None = None
    ) -> Observation:
        """The observation that the window's samples make together.

        Args:
            configuration: The configuration in force, for the weights.
            load: The newest reading of the load generator.
            since_s: Ignore every sample that began before this time, so that an effect is read without
                what came before it. Without samples, the result is zeros over a window of 0 s.
        """
        samples = [
            s for s in self._samples if since_s is None or s.at_s - s.duration_s >= since_s - _EPSILON_S
        ]
        newest = self._samples[-1] if self._samples else None
        earlier = [self._before] if self._before is not None else []
        earlier += list(self._samples)[: len(self._samples) - len(samples)]
        window_s = sum(s.duration_s for s in samples)
        edges = _sums(self._topology.edges, samples)
        names = dict.fromkeys([s.name for s in self._topology.services] + [e.edge.service for e in edges])
        return Observation(
            at_s=newest.at_s if newest else 0.0,
            window_s=window_s,
            services=tuple(_service(name, edges, self._goals, window_s) for name in names),
            workloads=tuple(
                _workload(w, samples, earlier[-1:], newest, edges, configuration, window_s, self._silences)
                for w in self._topology.workloads
            ),
            edges=tuple(_edge(e, edges, configuration, window_s, self._silences.of(e.edge)) for e in edges),
            load=load,
            generation=newest.generation if newest else ConfigGeneration(),
            measured_at_s=newest.measured_at_s if newest else None,
            entered=self._entered if newest else None,
        )


def _sums(known: Sequence[EdgeId], samples: Sequence[MeshSample]) -> tuple[EdgeSample, ...]:
    """One sample per edge over all of `samples`: the `known` edges first, then any others."""
    parts: dict[EdgeId, list[EdgeSample]] = {edge: [] for edge in known}
    unknown: dict[EdgeId, list[EdgeSample]] = {}
    for mesh in samples:
        for part in mesh.edges:
            (parts if part.edge in parts else unknown).setdefault(part.edge, []).append(part)
    newest = {part.edge: part for mesh in samples[-1:] for part in mesh.edges}
    return tuple(
        _sum(edge, of_edge, newest.get(edge)) for edge, of_edge in [*parts.items(), *sorted(unknown.items())]
    )


def _sum(edge: EdgeId, parts: Sequence[EdgeSample], newest: EdgeSample | None) -> EdgeSample:
    """Add the counts; take the newest levels."""
    flags: Counter[str] = Counter()
    for part in parts:
        flags.update(dict(part.response_flags or ()))
    flags_known = any(part.response_flags is not None for part in parts)
    return EdgeSample(
        edge=edge,
        requests=sum(part.requests for part in parts),
        failures=sum(part.failures for part in parts),
        successes_ms=merge(part.successes_ms for part in parts),
        in_flight=newest.in_flight if newest else None,
        retries=_known_sum(part.retries for part in parts),
        timeouts=_known_sum(part.timeouts for part in parts),
        ejected=newest.ejected if newest else None,
        response_flags=tuple(sorted(flags.items(), key=lambda item: (-item[1], item[0])))
        if flags_known
        else None,
    )


def _known_sum(counts: Iterable[int | None]) -> int | None:
    """The sum of the measured counts; None if none was measured."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _per_s(count: int, window_s: float) -> float:
    return count / window_s if window_s > 0 else 0.0


def _known_per_s(count: int | None, window_s: float) -> float | None:
    return None if count is None or window_s <= 0 else count / window_s


def _latency(histogram: Histogram) -> Latency:
    return Latency(
        n=histogram.n,
        p50_ms=histogram.quantile_ms(0.50),
        p95_ms=histogram.quantile_ms(0.95),
        p99_ms=histogram.quantile_ms(0.99),
        mean_ms=histogram.mean_ms(),
    )


def _edge(
    sample: EdgeSample,
    all_edges: Sequence[EdgeSample],
    configuration: Configuration,
    window_s: float,
    silence: Silence,
) -> EdgeObservation:
    edge = sample.edge
    of_source = sum(
        e.requests for e in all_edges if (e.edge.source, e.edge.service) == (edge.source, edge.service)
    )
    return EdgeObservation(
        edge=edge,
        requests_per_s=_per_s(sample.requests, window_s),
        failures_per_s=_per_s(sample.failures, window_s),
        latency=_latency(sample.successes_ms),
        in_flight=sample.in_flight,
        retries_per_s=_known_per_s(sample.retries, window_s),
        timeouts_per_s=_known_per_s(sample.timeouts, window_s),
        ejected=sample.ejected,
        weight_percent=_weight_percent(edge, configuration),
        share_percent=100.0 * sample.requests / of_source if of_source else None,
        response_flags=sample.response_flags,
        silent_s=silence.lasts_s if sample.in_flight is not None else None,
        unanswered=silence.unanswered if sample.in_flight is not None else None,
    )


def _weight_percent(edge: EdgeId, configuration: Configuration) -> int | None:
    """The weight of the edge in the first route that splits traffic and names its workload."""
    for route in configuration.routes_to(edge.service):
        if len(route.destinations) > 1:
            for destination in route.destinations:
                if destination.workload == edge.workload:
                    return destination.weight_percent
    return None


def _service(name: str, edges: Sequence[EdgeSample], goals: Goals, window_s: float) -> ServiceObservation:
    into = [edge for edge in edges if edge.edge.service == name]
    successes = merge(edge.successes_ms for edge in into)
    slo = goals.slo(name)
    return ServiceObservation(
        service=name,
        requests_per_s=_per_s(sum(edge.requests for edge in into), window_s),
        failures_per_s=_per_s(sum(edge.failures for edge in into), window_s),
        latency=_latency(successes),
        slow_percent=_above_percent(successes, slo.latency_ms) if slo else None,
    )


def _above_percent(histogram: Histogram, limit_ms: float) -> float | None:
    """The share of samples above the limit; a bin that contains it counts as evenly filled."""
    if not histogram.n:
        return None
    above = 0.0
    for lower, width, count in histogram.bins:
        if lower >= limit_ms:
            above += count
        elif lower + width > limit_ms:
            above += count * (lower + width - limit_ms) / width
    return 100.0 * above / histogram.n


def _workload(
    workload: Workload,
    samples: Sequence[MeshSample],
    before: Sequence[MeshSample],
    newest: MeshSample | None,
    edges: Sequence[EdgeSample],
    configuration: Configuration,
    window_s: float,
    silences: Silences,
) -> WorkloadObservation:
    name = workload.name
    state = next((w for w in newest.workloads if w.workload == name), None) if newest else None
    states = [(s.duration_s, w) for s in samples for w in s.workloads if w.workload == name]
    utilisation, utilisation_s = _utilisation(states)
    return WorkloadObservation(
        workload=name,
        service=workload.service,
        replicas_desired=state.replicas_desired if state else configuration.replicas_of(name),
        replicas_ready=state.replicas_ready if state else None,
        requests_per_s=_per_s(sum(e.requests for e in edges if e.edge.workload == name), window_s),
        utilisation=utilisation,
        queued=state.queued if state else None,
        utilisation_s=utilisation_s,
        replicas_lost=_lost([w for s in (*before, *samples) for w in s.workloads if w.workload == name]),
        replicas=_replicas(state, [each for _, each in states], window_s, silences) if state else (),
    )


def _replicas(
    newest: WorkloadSample, states: Iterable[WorkloadSample], window_s: float, silences: Silences
) -> tuple[ReplicaObservation, ...]:
    """The replicas that are ready now."""
    answered: Counter[str] = Counter()
    for state in states:
        answered.update({each.replica: each.answered for each in state.replicas})
    return tuple(
        ReplicaObservation(
            each.replica,
            each.in_flight,
            _per_s(answered[each.replica], window_s),
            silences.of(each.replica).lasts_s,
            silences.of(each.replica).unanswered,
            each.ejected,
        )
        for each in newest.replicas
    )


def _lost(states: Sequence[WorkloadSample]) -> int | None:
    """Number of ready replicas that ended from one sample to the next although still wanted."""
    return _known_sum(_lost_between(before, after) for before, after in pairwise(states))


def _lost_between(before: WorkloadSample, after: WorkloadSample) -> int | None:
    if before.replicas_ready is None or after.replicas_ready is None:
        return after.ended
    return max(after.ended or 0, min(before.replicas_ready, after.replicas_desired) - after.replicas_ready)


def _utilisation(states: Sequence[tuple[float, WorkloadSample]]) -> tuple[float | None, float | None]:
    """The mean since the number of ready replicas last changed, weighted by duration, and its seconds.

    The utilisation of two replicas does not describe the three that are there now.
    """
    ready = states[-1][1].replicas_ready if states else None
    busy_s = measured_s = 0.0
    for duration_s, state in reversed(states):
        if state.replicas_ready != ready:
            break
        if state.utilisation is not None:
            busy_s += state.utilisation * duration_s
            measured_s += duration_s
    return (busy_s / measured_s, measured_s) if measured_s > 0 else (None, None)
