"""Settings that limit the cost of a fault: when each is needed, and when its cause has gone."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil, log

from marskit.domain.actions import Action, SetOutlierDetection, SetRetries, SetTimeout
from marskit.domain.config import (
    DEFAULT_RETRIES,
    Configuration,
    OutlierDetection,
    OutlierSetting,
    Retries,
    RouteSetting,
)
from marskit.domain.diagnosis import Ailment, Diagnosis
from marskit.domain.observation import EdgeObservation, WorkloadObservation
from marskit.domain.topology import GATEWAY
from marskit.mapek.analyse.slo import MIN_JUDGED_REQUESTS, seen
from marskit.mapek.analyse.symptoms import is_saturated
from marskit.mapek.monitor.measures import own_measure
from marskit.planning import PlanningView

LEAST_RETRIES, MOST_RETRIES = 2, 4
"""Bounds of the number of retries that a remedy sets."""
LEFT_PERCENT = 1.0
"""Target for the share of failed requests that retries leave, in percent."""
LOST = ("connect-failure", "refused-stream", "reset")
"""Retry conditions for requests to a replica that ended."""
FAILED = ("5xx", *LOST)
"""Retry conditions for a workload that answers with errors."""
MOST_FAILING_PERCENT = 75.0
"""Share of failures above which no replica is healthy and retries are useless, in percent."""
BUSY = 0.95
"""Utilisation that retries, which are additional work, must not exceed."""
BY_CHANCE = 0.01
"""Probability per window of ejecting replicas that all fail alike."""
LEAST_ERRORS, MOST_ERRORS = 5, 100
"""Bounds of the number of errors in a row after which a replica is ejected."""
EJECTION = OutlierDetection(LEAST_ERRORS, 1000, 5000, 34)
"""Outlier detection where none is set; ejections are short, because a replica may recover at any moment."""
LATE_TIMES = 5.0
"""Response time from which a response counts as useless, as a multiple of the caller's SLO."""
TIMEOUT_TIMES = 2.0
"""Timeout that a remedy sets, as a multiple of the caller's SLO: later responses cannot meet it."""
TIMED_OUT_PERCENT = 10.0
"""Share of requests that time out from which a call hangs, in percent."""
RETRIED_PERCENT = 0.5
"""Share of retried requests above which failures go on although callers do not see them, in percent."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """A setting that is needed now."""

    action: Action
    reason: str


def present(action: Action, configuration: Configuration) -> Action:
    """The action of the same kind and target that sets the current value."""
    match action:
        case SetTimeout(name, index):
            return SetTimeout(name, index, configuration.route(name, index).timeout_ms)
        case SetRetries(name, index):
            return SetRetries(name, index, configuration.route(name, index).retries)
        case SetOutlierDetection(rule):
            now = next(o.outlier_detection for o in configuration.outliers if o.destination_rule == rule)
            return SetOutlierDetection(rule, now)
        case _:
            raise AssertionError(f"{action} is not a remedy")


def remedies(diagnosis: Diagnosis, view: PlanningView) -> Iterator[Remedy]:
    """Remedies for the suspected faults, whether or not they are set already."""
    states = {workload.workload: workload for workload in view.observation.workloads}
    for suspect in diagnosis.suspects:
        workload = states.get(suspect.subject)
        if workload is not None and suspect.ailment in (Ailment.DOWN, Ailment.ERRORS):
            yield from _against_failures(workload, suspect.ailment, view)
    slow = {suspect.subject for suspect in diagnosis.suspects if suspect.ailment is Ailment.SLOW}
    for edge in view.observation.edges:
        workload = states.get(edge.edge.workload)
        # A queue needs replicas, not rejected requests.
        calls = [each for each in view.observation.edges if each.edge.source == edge.edge.workload]
        # A caller is not hanging if its own call is.
        if workload is None or any(_hangs(call, view) for call in calls):
            continue
        if workload.workload in slow or not is_saturated(workload):
            yield from _against_hanging(edge, view)


def is_gone(action: Action, diagnosis: Diagnosis, view: PlanningView) -> bool | None:
    """Whether the remedy's cause has gone; None if there were too few requests to judge."""
    workloads = _workloads(action, view)
    edges = [edge for edge in view.observation.edges if edge.edge.workload in workloads]
    requests = sum(seen(edge.requests_per_s, view.observation.window_s) for edge in edges)
    silent = {suspect.subject for suspect in diagnosis.suspects if suspect.ailment is Ailment.SILENT}
    ejected = any(edge.ejected for edge in edges)
    if isinstance(action, SetTimeout):
        # An ejected replica returns, and may still not answer.
        if (
            silent & workloads
            or ejected
            or any(_hangs(edge, view) or (edge.timeouts_per_s or 0.0) > 0 for edge in edges)
        ):
            return False
        return True if requests >= MIN_JUDGED_REQUESTS else None
    faulty = {suspect.subject for suspect in diagnosis.suspects if suspect.is_fault}
    retried = sum(seen(edge.retries_per_s or 0.0, view.observation.window_s) for edge in edges)
    many_retries = 100.0 * retried > RETRIED_PERCENT * max(requests, MIN_JUDGED_REQUESTS)
    if faulty & workloads or ejected or many_retries:
        return False
    return True if requests >= MIN_JUDGED_REQUESTS else None


def _against_failures(
    workload: WorkloadObservation, ailment: Ailment, view: PlanningView
) -> Iterator[Remedy]:
    own = own_measure(workload, view.observation)
    # The share of all tries, because a request that succeeds after a retry has failed before.
    share = min(1.0, (own.errors + own.lost + own.tries - own.requests) / max(1, own.tries))
    ready = workload.replicas_ready
    if not ready or 100.0 * share > MOST_FAILING_PERCENT:
        return
    name = workload.workload
    fails = (
        f"{name} lost a replica and {ready} are ready"
        if ailment is Ailment.DOWN
        else f"{name} fails {100 * share:.0f} % of {own.tries} requests and answers the others"
    )
    if (workload.utilisation or 0.0) * (1.0 + share + share**2) <= BUSY:
        for route in view.configuration.routes_to(workload.service):
            if any(d.workload == name for d in route.destinations):
                retries = _retries(route.retries or DEFAULT_RETRIES, ailment, share)
                yield Remedy(
                    SetRetries(route.virtual_service, route.index, retries),
                    f"{fails}: requests by {route.label} that fail are sent again, up to "
                    f"{retries.attempts} times.",
                )
    # The mesh itself drops a replica that ended; outlier detection could only eject healthy ones.
    if ailment is Ailment.ERRORS and ready > 1 and not is_saturated(workload):
        for outlier in view.configuration.outliers:
            if outlier.service == workload.service:
                yield _ejection(outlier, workload, share, fails, view)


def _retries(now: Retries, ailment: Ailment, share: float) -> Retries:
    """The present retries, with the conditions and attempts that the failures require."""
    needed = FAILED if ailment is Ailment.ERRORS else LOST
    given = now.retry_on.split(",")
    enough = ceil(log(LEFT_PERCENT / 100.0) / log(share)) - 1 if 0.0 < share < 1.0 else LEAST_RETRIES
    attempts = max(now.attempts, LEAST_RETRIES, min(enough, MOST_RETRIES))
    return replace(
        now, attempts=attempts, retry_on=",".join([*given, *(c for c in needed if c not in given)])
    )


def _ejection(
    outlier: OutlierSetting,
    workload: WorkloadObservation,
    share: float,
    fails: str,
    view: PlanningView,
) -> Remedy:
    """Eject after more errors in a row than replicas that all fail alike would make by chance."""
    now = outlier.outlier_detection or EJECTION
    requests = max(1.0, workload.requests_per_s * view.observation.window_s)
    by_chance = ceil(log(BY_CHANCE / requests) / log(share)) if 0.0 < share < 1.0 else LEAST_ERRORS
    errors = min(max(LEAST_ERRORS, by_chance), MOST_ERRORS)
    if 0 < now.consecutive_5xx < errors and outlier.outlier_detection is not None:
        errors = now.consecutive_5xx
    return Remedy(
        SetOutlierDetection(outlier.destination_rule, replace(now, consecutive_5xx=errors)),
        f"{fails}: a replica that fails {errors} times in a row gets no requests for "
        f"{now.base_ejection_ms / 1000:g} s.",
    )


def _against_hanging(edge: EdgeObservation, view: PlanningView) -> Iterator[Remedy]:
    objective_ms = _objective_ms(edge, view)
    if objective_ms is None or not _hangs(edge, view):
        return
    timeout_ms = round(TIMEOUT_TIMES * objective_ms)
    for route in view.configuration.routes_to(edge.edge.service):
        leads_there = any(d.workload == edge.edge.workload for d in route.destinations)
        if leads_there and (route.timeout_ms is None or route.timeout_ms > timeout_ms):
            yield Remedy(
                SetTimeout(route.virtual_service, route.index, timeout_ms),
                f"{edge.edge.workload} {_how_late(edge, view)}: requests by {route.label} end after "
                f"{timeout_ms} ms, twice the objective of {objective_ms:.0f} ms: later ones cannot meet it.",
            )


def _objective_ms(edge: EdgeObservation, view: PlanningView) -> float | None:
    """The latency objective of the caller, in ms; for users, that of the service that they call."""
    services = {workload.name: workload.service for workload in view.topology.workloads}
    caller = edge.edge.service if edge.edge.source == GATEWAY else services.get(edge.edge.source, "")
    slo = view.goals.slo(caller)
    return slo.latency_ms if slo else None


def _hangs(edge: EdgeObservation, view: PlanningView) -> bool:
    """Whether requests time out, or take several times the caller's objective."""
    objective_ms = _objective_ms(edge, view)
    if objective_ms is None:
        return False
    window_s = view.observation.window_s
    if seen(edge.timeouts_per_s or 0.0, window_s) * 100.0 >= TIMED_OUT_PERCENT * max(
        MIN_JUDGED_REQUESTS, seen(edge.requests_per_s, window_s)
    ):
        return True
    if edge.latency.n >= MIN_JUDGED_REQUESTS and edge.latency.p50_ms is not None:
        return edge.latency.p50_ms > LATE_TIMES * objective_ms
    if edge.in_flight is None:
        return False
    # Little's law: without responses, the requests in flight give the response time.
    waits_ms = 1000.0 * edge.in_flight / max(edge.requests_per_s, 1.0 / max(window_s, 1.0))
    return edge.in_flight >= MIN_JUDGED_REQUESTS and waits_ms > LATE_TIMES * objective_ms


def _how_late(edge: EdgeObservation, view: PlanningView) -> str:
    timeouts = seen(edge.timeouts_per_s or 0.0, view.observation.window_s)
    if timeouts:
        return f"let {timeouts} requests time out"
    if edge.latency.p50_ms is not None:
        return f"answers half of the requests after more than {edge.latency.p50_ms:.0f} ms"
    return f"does not answer {edge.in_flight} requests"


def _workloads(action: Action, view: PlanningView) -> set[str]:
    """The workloads that receive the requests to which the action's setting applies."""
    if isinstance(action, SetOutlierDetection):
        services = {
            o.service for o in view.configuration.outliers if o.destination_rule == action.destination_rule
        }
        return {w.name for w in view.topology.workloads if w.service in services}
    if not isinstance(action, SetTimeout | SetRetries):
        return set()
    route: RouteSetting = view.configuration.route(action.virtual_service, action.route)
    return {d.workload for d in route.destinations if d.workload is not None}
