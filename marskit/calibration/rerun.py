"""Repeats a recorded run in the twin: the same arrivals, the same actions at the same times."""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from operator import attrgetter
from statistics import median

from marskit.calibration.error import CalibrationError
from marskit.domain.actions import Action, Scale, SetOutlierDetection, SetRetries, SetTimeout, ShiftTraffic
from marskit.domain.config import Configuration
from marskit.domain.events import FaultEnded, FaultInjected, ScenarioChanged
from marskit.domain.faults import (
    ClearFaults,
    Delay,
    Fault,
    HangReplica,
    InjectErrors,
    KillReplica,
    SlowDown,
)
from marskit.domain.load import LoadStatus
from marskit.domain.metrics import Histogram, merge
from marskit.domain.records import Outcome
from marskit.domain.topology import EdgeId
from marskit.knowledge.read.runs import StoredRun
from marskit.load.arrivals import user_arrivals
from marskit.load.scenario import ScenarioError, load_scenario
from marskit.mesh.simulator.engine import Arrivals, Engine
from marskit.mesh.simulator.model import Call, Station, TwinModel, retry_rule

MakeEngine = Callable[[TwinModel, Arrivals, int], Engine]
"""Makes an engine from a model, its arrivals and a seed."""
Change = Action | Fault
"""A change of a mesh."""
Window = tuple[float, float]
"""Start and end on the run's clock."""


@dataclass(frozen=True, slots=True)
class Course:
    """The external events in a run's mesh."""

    run: str
    arrivals_s: tuple[float, ...]
    changes: tuple[tuple[float, Change], ...]
    """Applied actions and faults, by time."""
    configuration: Configuration
    """The configuration at the start of the run."""


def course(run: StoredRun) -> Course:
    """The events to repeat in the twin.

    Raises:
        CalibrationError: The recording does not determine the requests that arrived.
    """
    started = run.started
    loads = [load for record in run.records if (load := record.cycle.observation.load) is not None]
    begun = [
        load.at_s - load.scenario_s / started.scenario.speed
        for load in loads
        if load.status is LoadStatus.RUNNING
    ]
    if not begun:
        raise CalibrationError(f"run {started.run}: none of its cycles has a running load.")
    if any(load.factor != 1.0 for load in loads) or any(
        isinstance(incident, ScenarioChanged) for record in run.records for incident in record.incidents
    ):
        raise CalibrationError(
            f"run {started.run}: its load was changed by hand, so its arrivals are unknown."
        )
    return Course(
        run=started.run,
        arrivals_s=_arrivals_s(run, median(begun)),
        changes=_changes(run),
        configuration=started.configuration,
    )


def replay(
    model: TwinModel, course: Course, windows: Sequence[Window], engine: MakeEngine, seeds: Sequence[int]
) -> tuple[dict[EdgeId, Histogram], ...]:
    """The traffic on each edge in each window, combined over the twins of all seeds.

    The quantiles of a single twin would depend on chance; several show the model's.
    """
    together: list[dict[EdgeId, list[Histogram]]] = [{} for _ in windows]
    for seed in seeds:
        for found, edges in zip(together, _replay_once(model, course, windows, engine, seed), strict=True):
            for edge, histograms in edges.items():
                found.setdefault(edge, []).extend(histograms)
    return tuple({edge: merge(parts) for edge, parts in found.items()} for found in together)


def _replay_once(
    model: TwinModel, course: Course, windows: Sequence[Window], engine: MakeEngine, seed: int
) -> list[dict[EdgeId, list[Histogram]]]:
    twin = engine(started_as(model, course.configuration), _Recorded(course.arrivals_s), seed)
    broken: set[str] = set()
    found: list[dict[EdgeId, list[Histogram]]] = [{} for _ in windows]
    changes = list(course.changes)
    since_s = 0.0
    for until_s in sorted({moment for window in windows for moment in window}):
        while changes and changes[0][0] <= until_s:
            at_s, change = changes.pop(0)
            twin.advance(at_s)
            apply_change(twin, change, broken)
        twin.advance(until_s)
        edges, _ = twin.read()
        for edges_of, (begin_s, end_s) in zip(found, windows, strict=True):
            if begin_s <= since_s and until_s <= end_s:
                for sample in edges:
                    edges_of.setdefault(sample.edge, []).append(sample.successes_ms)
        since_s = until_s
    return found


def started_as(model: TwinModel, configuration: Configuration) -> TwinModel:
    """The model with the replicas and the routes at the start of a run."""
    replicas = dict(configuration.replicas)

    def station(each: Station) -> Station:
        return replace(each, replicas=replicas.get(each.workload, each.replicas))

    model = replace(model, stations=tuple(map(station, model.stations)))
    for route in configuration.routes:
        key = route.virtual_service, route.index
        if any(call.route == key and call.subsets for call in model.calls):
            weights = {d.subset or d.service: d.weight_percent for d in route.destinations}
            model = model.with_splits(key, weights)
        model = _with_timeout(model, key, route.timeout_ms)
    return model


def _with_timeout(model: TwinModel, route: tuple[str, int], timeout_ms: int | None) -> TwinModel:
    return _on_route(model, route, lambda call: replace(call, timeout_ms=timeout_ms))


def _on_route(model: TwinModel, route: tuple[str, int], change: Callable[[Call], Call]) -> TwinModel:
    return replace(model, calls=tuple(change(call) if call.route == route else call for call in model.calls))


def apply_change(twin: Engine, change: Change, broken: set[str]) -> None:
    """Apply a recorded change to the twin; `broken` collects the workloads with faults to clear."""
    match change:
        case Scale(workload, replicas):
            twin.scale(workload, replicas)
        case ShiftTraffic(virtual_service, route, weights):
            twin.change(twin.model.with_splits((virtual_service, route), dict(weights)))
        case SetTimeout(virtual_service, route, timeout_ms):
            twin.change(_with_timeout(twin.model, (virtual_service, route), timeout_ms))
        case SetRetries(virtual_service, route, retries):
            key = virtual_service, route
            twin.change(_on_route(twin.model, key, lambda call: replace(call, retries=retry_rule(retries))))
        case SetOutlierDetection():
            pass  # The twin does not simulate outlier detection.
        case KillReplica(workload):
            twin.kill(workload)
        case HangReplica(workload):
            twin.hang(workload)
            broken.add(workload)
        case SlowDown(workload, factor):
            twin.slow_down(workload, factor)
            broken.add(workload)
        case InjectErrors(workload, percent):
            twin.fail(workload, percent)
            broken.add(workload)
        case Delay(workload, delay_ms):
            twin.delay(workload, delay_ms / 1000.0)
            broken.add(workload)
        case ClearFaults():
            for workload in sorted(broken):
                twin.resume(workload)
                twin.slow_down(workload, 1.0)
                twin.fail(workload, 0.0)
                twin.delay(workload, 0.0)
            broken.clear()


def as_change(event: FaultInjected | FaultEnded) -> Fault:
    """What to do in the twin, whose replicas nobody probes: a stopped one that was restarted is killed."""
    return KillReplica(event.fault.workload) if isinstance(event, FaultEnded) else event.fault


def _arrivals_s(run: StoredRun, begun_s: float) -> tuple[float, ...]:
    started = run.started
    try:
        scenario = load_scenario(started.scenario.name)
    except ScenarioError:
        raise CalibrationError(
            f"run {started.run}: its scenario {started.scenario.name!r} is not one of the shipped ones, so "
            "its arrivals are unknown."
        ) from None
    if scenario.info() != started.scenario:
        raise CalibrationError(
            f"run {started.run}: its scenario {started.scenario.name!r} has changed since, so its arrivals "
            "are unknown."
        )
    end_s = run.records[-1].cycle.observation.at_s - begun_s
    streams = [user_arrivals(scenario, started.seed, user) for user in range(scenario.users)]
    merged = heapq.merge(*streams, key=attrgetter("at_s"))
    return tuple(begun_s + arrival.at_s for arrival in takewhile(lambda a: a.at_s < end_s, merged))


def _changes(run: StoredRun) -> tuple[tuple[float, Change], ...]:
    changes: list[tuple[float, Change]] = []
    for record in run.records:
        for incident in record.incidents:
            if isinstance(incident, FaultInjected | FaultEnded):
                changes.append((incident.at_s, as_change(incident)))
        for execution in record.cycle.executions:
            if execution.outcome is Outcome.APPLIED:
                changes.append((execution.at_s, execution.action))
    return tuple(sorted(changes, key=lambda change: change[0]))


class _Recorded:
    """Recorded arrivals."""

    def __init__(self, arrivals_s: Sequence[float]) -> None:
        self._arrivals_s = arrivals_s
        self._next = 0

    def rate_per_s(self, at_s: float) -> float:
        """Number of arrivals in the second around that time."""
        return float(sum(at_s - 0.5 <= arrival < at_s + 0.5 for arrival in self._arrivals_s))

    def until(self, at_s: float) -> Sequence[float]:
        """The arrivals since the last call and before then."""
        begin = self._next
        while self._next < len(self._arrivals_s) and self._arrivals_s[self._next] < at_s:
            self._next += 1
        return self._arrivals_s[begin : self._next]
