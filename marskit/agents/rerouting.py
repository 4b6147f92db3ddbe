"""Moves traffic away from a subset that fails or is slow, and carefully back again."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from marskit.agents.silence import is_whole, silent_workloads
from marskit.domain.actions import ShiftTraffic
from marskit.domain.config import Destination, RouteSetting
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.observation import EdgeObservation, Observation
from marskit.domain.plan import Candidate
from marskit.mapek.analyse.slo import MIN_FAILURES, MIN_JUDGED_REQUESTS, seen
from marskit.mapek.analyse.symptoms import is_saturated
from marskit.mapek.plan.weights import apportion_by_name, percents, subset_key, towards
from marskit.planning import PlanningView

AWAY_PERCENT = 25
"""Weight taken per step from a subset that is slow, or whose siblings could not carry all of it at once."""
CARRIED_UTILISATION = 0.7
"""Highest utilisation to expect of siblings if they are to take all of a failing subset's traffic."""
BACK_PERCENT = 10
"""Weight given back per step, in percentage points; the first step also probes for recovery."""
FAILING_PERCENT = 5.0
HEALTHY_PERCENT = 1.0
DRAGGING_FACTOR = 3.0
"""Ratio of a bottleneck's p95 to its siblings' above which it counts as slow; less may be chance."""
REST_S = 55.0
"""Scenario seconds for which a bad subset is left alone, doubled by every relapse."""
STEP_REST_S = 25.0
"""Scenario seconds for which each step back is observed."""
# Neither is a multiple of 15 s, the usual period, so that a millisecond cannot decide about a cycle.


@dataclass(slots=True)
class _Detour:
    """A route whose weights we moved and intend to restore."""

    home: Mapping[str, int]
    """The original weights."""
    known: Sequence[Mapping[str, int]]
    """The weights to expect if nobody else moved them: before and after our last step."""
    back_at_s: float
    rest_s: float = REST_S
    is_returning: bool = False


class Rerouting:
    """Remembers which routes it moved, and their original weights."""

    def __init__(self) -> None:
        self._detours: dict[str, _Detour] = {}

    def away(
        self, diagnosis: Diagnosis, view: PlanningView, *, is_lasting: bool, ejecting: Collection[str] = ()
    ) -> dict[str, Candidate]:
        """One step away for every route with a bad workload, by the name of that workload.

        Failures count at once, slowness only if the violation has lasted. A workload of which no replica
        answers loses all its traffic in one step, and so does a failing one if its siblings can carry the
        load; those that are `ejecting` replicas keep theirs.
        """
        found: dict[str, Candidate] = {}
        silent = {name for name in silent_workloads(diagnosis) if is_whole(view.observation.workload(name))}
        for route in _splits(view):
            well = [
                d for d in route.destinations if d.workload not in silent and _is_well(d, view.observation)
            ]
            for bad in route.destinations:
                blamed = diagnosis.bottleneck if is_lasting else None
                is_silent = bad.workload in silent
                why = _trouble(bad, well, blamed, view, is_silent=is_silent)
                if bad.workload in ejecting and not is_silent:
                    continue
                if bad.workload is not None and bad.weight_percent > 0 and why is not None:
                    whole = is_silent or (
                        _fails(bad, view.observation) and _can_carry(route, bad, well, view)
                    )
                    points = 100 if whole else AWAY_PERCENT
                    found[bad.workload] = self._step_away(route, bad, well, why, view, points=points)
                    break
        return found

    def back(self, view: PlanningView) -> list[Candidate]:
        """One step back for every moved route that has rested and whose gaining subsets are healthy."""
        found = []
        for route in _splits(view):
            detour = self._detour(route)
            if detour is None:
                continue
            step = towards(percents(route), detour.home, BACK_PERCENT)
            wait_s = (detour.back_at_s - view.now_s) * view.speed
            gaining = [d for d in route.destinations if step[subset_key(d)] > percents(route)[subset_key(d)]]
            unproven = [d.workload for d in gaining if not _is_proven(d, view.observation)]
            if wait_s > 0:
                reason = f"{route.label} returns towards its old weights in {wait_s:.0f} s at the earliest."
                found.append(Candidate((), reason))
            elif unproven:
                found.append(Candidate((), f"{unproven[0]} has not yet proved to be healthy again."))
            else:
                detour.known = (percents(route), step)
                detour.back_at_s = view.now_s + STEP_REST_S / view.speed
                detour.is_returning = True
                reason = f"{route.label} has rested: return {BACK_PERCENT} points towards its old weights."
                found.append(Candidate((_shift(route, step),), reason))
        return found

    def waiting(self, view: PlanningView) -> set[str]:
        """The workloads behind rerouted routes: they will be needed again even if idle now."""
        detoured = [route for route in _splits(view) if self._detour(route) is not None]
        return {d.workload for route in detoured for d in route.destinations if d.workload is not None}

    def _detour(self, route: RouteSetting) -> _Detour | None:
        """Our detour of that route, unless it is restored or somebody else has moved it since."""
        detour, weights = self._detours.get(route.label), percents(route)
        if detour is not None and (weights == detour.home or weights not in detour.known):
            del self._detours[route.label]
            return None
        return detour

    def _step_away(
        self,
        route: RouteSetting,
        bad: Destination,
        well: Sequence[Destination],
        why: str,
        view: PlanningView,
        *,
        points: int,
    ) -> Candidate:
        takers = {subset_key(d): d.weight_percent for d in well if d is not bad}
        if not takers:
            return Candidate((), f"{bad.workload} {why}, but no other subset can take its traffic.")
        weights = percents(route)
        moved = min(points, weights[subset_key(bad)])
        step = {**weights, subset_key(bad): weights[subset_key(bad)] - moved}
        for name, gain in apportion_by_name(moved, takers).items():
            step[name] += gain
        detour = self._detour(route) or _Detour(home=weights, known=(), back_at_s=0.0)
        if detour.is_returning:
            detour.rest_s *= 2
            detour.is_returning = False
        detour.known = (weights, step)
        detour.back_at_s = view.now_s + detour.rest_s / view.speed
        self._detours[route.label] = detour
        return Candidate(
            (_shift(route, step),), f"{bad.workload} {why}: {moved} points of its traffic move elsewhere."
        )


def _splits(view: PlanningView) -> list[RouteSetting]:
    return [route for route in view.configuration.routes if len(route.destinations) > 1]


def _shift(route: RouteSetting, weights: Mapping[str, int]) -> ShiftTraffic:
    return ShiftTraffic(route.virtual_service, route.index, tuple(weights.items()))


def _edges_to(destination: Destination, observation: Observation) -> list[EdgeObservation]:
    return [edge for edge in observation.edges if edge.edge.workload == destination.workload]


def _failures(destination: Destination, observation: Observation) -> tuple[int, int] | None:
    """`(failures, requests)` over the window, or None if there were too few requests to judge."""
    edges = _edges_to(destination, observation)
    requests = sum(seen(edge.requests_per_s, observation.window_s) for edge in edges)
    failures = sum(seen(edge.failures_per_s, observation.window_s) for edge in edges)
    return (failures, requests) if requests >= MIN_JUDGED_REQUESTS else None


def _fails(destination: Destination, observation: Observation) -> bool:
    failures, requests = _failures(destination, observation) or (0, 1)
    return failures >= MIN_FAILURES and 100.0 * failures / requests >= FAILING_PERCENT


def _can_carry(
    route: RouteSetting, bad: Destination, well: Sequence[Destination], view: PlanningView
) -> bool:
    """Whether the siblings of a subset stay well below saturation with all of its traffic."""
    takers = {subset_key(d): d for d in well if d is not bad}
    gains = apportion_by_name(bad.weight_percent, {name: d.weight_percent for name, d in takers.items()})
    for name, taker in takers.items():
        workload = next((w for w in view.observation.workloads if w.workload == taker.workload), None)
        if workload is None or workload.utilisation is None or not taker.weight_percent:
            return False
        growth = (taker.weight_percent + gains[name]) / taker.weight_percent
        if workload.utilisation * growth > CARRIED_UTILISATION:
            return False
    return bool(takers)


def _p95_ms(destination: Destination, observation: Observation) -> float | None:
    """The slowest caller's p95, or None if too few samples were seen."""
    trusted = [e.latency.p95_ms for e in _edges_to(destination, observation) if e.latency.p95_is_trusted]
    return max((p95 for p95 in trusted if p95 is not None), default=None)


def _is_well(destination: Destination, observation: Observation) -> bool:
    """Whether it could take more traffic: ready, not saturated, and not known to fail."""
    workload = next((w for w in observation.workloads if w.workload == destination.workload), None)
    if workload is None or not workload.replicas_ready or is_saturated(workload):
        return False
    failures, requests = _failures(destination, observation) or (0, 1)
    return 100.0 * failures / requests <= HEALTHY_PERCENT


def _is_proven(destination: Destination, observation: Observation) -> bool:
    """Whether its present traffic proves it healthy; without any, only a probe can."""
    return _is_well(destination, observation) and (
        destination.weight_percent == 0 or _failures(destination, observation) is not None
    )


def _trouble(
    destination: Destination,
    well: Sequence[Destination],
    bottleneck: str | None,
    view: PlanningView,
    *,
    is_silent: bool,
) -> str | None:
    """A problem that less traffic would spare the users; None if there is none."""
    observation = view.observation
    workload = next((w for w in observation.workloads if w.workload == destination.workload), None)
    if workload is None:
        return None
    if is_silent:
        return "does not answer"
    most = view.topology.workload(workload.workload).max_replicas
    if is_saturated(workload) and view.configuration.replicas_of(workload.workload) < most:
        return None  # More replicas cure overload; shifting it would overload the next workload.
    if _fails(destination, observation):
        failures, requests = _failures(destination, observation) or (0, 0)
        return f"fails {failures} of {requests} requests"
    if bottleneck != destination.workload:
        return None
    siblings = [_p95_ms(d, observation) for d in well if d is not destination]
    own, other = _p95_ms(destination, observation), max((p for p in siblings if p is not None), default=None)
    if own is not None and other is not None and own > DRAGGING_FACTOR * other:
        return f"has a p95 of {own:.0f} ms, its siblings {other:.0f} ms"
    return None
