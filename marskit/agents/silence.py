"""What to set against replicas that take requests and never answer.

Envoy cannot see such a replica by itself: nothing ends, so nothing fails. A time limit makes every
unanswered request a failure, which Envoy's outlier detection counts as a 504; after a few in a row it ejects
the replica, for longer every time. What fails until then is sent again where the route's own retries say that
this is safe.
"""

from collections.abc import Iterator
from dataclasses import replace
from math import ceil

from marskit import text
from marskit.agents.remedies import Remedy
from marskit.domain.actions import Scale, SetOutlierDetection, SetRetries, SetTimeout
from marskit.domain.config import OutlierDetection, OutlierSetting, RouteSetting
from marskit.domain.diagnosis import Ailment, Diagnosis
from marskit.domain.observation import WorkloadObservation
from marskit.domain.plan import Candidate
from marskit.domain.topology import GATEWAY
from marskit.mapek.analyse.symptoms import SATURATED, has_queue
from marskit.planning import PlanningView

START_MS = 700
"""Time that new replicas take until they answer, in ms."""
IN_A_ROW = 2
"""Number of unanswered requests in a row after which a replica is ejected; one alone may be chance."""
RARE_PER_S = 4.0
"""Requests per second to a silent replica below which a second one would take too long to come."""
INTERVAL_MS = 1_000
EJECTION_MS = 15_000
"""First ejection; the next one is twice as long, and so on. Each return costs `IN_A_ROW` requests."""
USUAL_TIMES = 3.0
"""Smallest time limit as a multiple of the usual p99, so that no answer is cut off that would come."""
LEAST_MS = 300
UNKNOWN_MS = 1_000
"""Time limit where neither an objective nor a usual latency is known."""
RECALLED = 12
"""Number of earlier cycles that the usual p99 is taken from."""
REPEATABLE = frozenset({"5xx", "gateway-error", "reset"})
"""Retry conditions of a route whose requests may be sent twice; Envoy retries a timeout on these."""


def silent_workloads(diagnosis: Diagnosis) -> tuple[str, ...]:
    """The workloads with replicas that do not answer."""
    return tuple(s.subject for s in diagnosis.suspects if s.ailment is Ailment.SILENT)


def missing_replicas(workload: WorkloadObservation) -> int:
    """Number of ready replicas that do not answer or are ejected; all if single ones are not measured."""
    measured = bool(workload.replicas)
    ready = workload.replicas_assumed
    return ready - workload.replicas_running if measured else ready


def is_whole(workload: WorkloadObservation) -> bool:
    """Whether no replica of the workload answers."""
    return missing_replicas(workload) >= workload.replicas_assumed


def against_silence(diagnosis: Diagnosis, view: PlanningView) -> Iterator[Remedy]:
    """Time limits and ejection for every workload with silent replicas, even if they are set already."""
    for name in silent_workloads(diagnosis):
        workload = view.observation.workload(name)
        missing = missing_replicas(workload)
        # The last route is the one without conditions, which most requests take.
        limits = [
            limit
            for route in reversed(view.configuration.routes_to(workload.service))
            if any(d.workload in (name, None) for d in route.destinations)
            for limit in _limited(route, workload, view)
        ]
        yield from limits[:1]
        replicas = max(workload.replicas_assumed, view.configuration.replicas_of(name))
        for outlier in view.configuration.outliers:
            if outlier.service == workload.service and 0 < missing < replicas:
                yield _ejecting(outlier, workload, missing, replicas)
        yield from limits[1:]


def more_replicas(name: str, view: PlanningView, aim: float) -> Candidate | None:
    """Replace the replicas that do not answer, if the others cannot carry the load; None if they can.

    `aim` is the utilisation that the answering ones should have, from 0 to 1.
    """
    workload, now = view.observation.workload(name), view.configuration.replicas_of(name)
    out = missing_replicas(workload)
    wanted = max(1, ceil(_busy_replicas(name, view) / aim - 1e-9)) + out
    if wanted <= now:
        return None
    most = view.topology.workload(name).max_replicas
    if now >= most:
        return Candidate((), f"{name} has replicas that do not answer, but already its maximum of {most}.")
    wanted = min(most, wanted)
    return Candidate(
        (Scale(name, wanted),),
        f"{out} replicas of {name} do not answer or are ejected, and the others must carry the load: from "
        f"{now} to {wanted} replicas.",
    )


def _busy_replicas(name: str, view: PlanningView) -> float:
    """The number of replicas that the load keeps busy: of the last cycle in which all of them answered."""
    for cycle in reversed(view.cycles):
        if all(s.subject != name or not s.is_fault for s in cycle.diagnosis.suspects):
            workload = cycle.observation.workload(name)
            return (workload.utilisation or 0.0) * workload.replicas_assumed
    workload = view.observation.workload(name)
    return (workload.utilisation or 0.0) * workload.replicas_running


def _limited(route: RouteSetting, workload: WorkloadObservation, view: PlanningView) -> Iterator[Remedy]:
    """A limit for each try where requests may be sent again, else for the whole request."""
    limit_ms, why = time_limit_ms(route, workload, view)
    retries = route.retries
    conditions = set(retries.retry_on.split(",")) if retries else set[str]()
    if retries is not None and retries.attempts and REPEATABLE & conditions:
        now_ms = retries.per_try_timeout_ms
        if (now_ms is None or now_ms > limit_ms) and (
            route.timeout_ms is None or route.timeout_ms > limit_ms
        ):
            yield Remedy(
                SetRetries(route.virtual_service, route.index, replace(retries, per_try_timeout_ms=limit_ms)),
                f"{workload.workload} does not answer: each try by {route.label} ends after {limit_ms} ms "
                f"({why}) and is sent again to another replica, which its retry conditions allow.",
            )
        return
    if route.timeout_ms is None or route.timeout_ms > limit_ms:
        yield Remedy(
            SetTimeout(route.virtual_service, route.index, limit_ms),
            f"{workload.workload} does not answer: requests by {route.label} end after {limit_ms} ms "
            f"({why}).",
        )


def time_limit_ms(route: RouteSetting, workload: WorkloadObservation, view: PlanningView) -> tuple[int, str]:
    """The time limit for requests by a route, and its reason in words.

    It is the latency objective of the called service, or of its callers, but no less than `USUAL_TIMES` the
    usual p99 of all destinations of the route.
    """
    objective_ms, queueing_ms = _objective_ms(workload, view), _queueing_ms(workload, view)
    names = {d.workload for d in route.destinations if d.workload} or {workload.workload}
    usual_ms = _usual_p99_ms(names, view)
    limits = [(float(LEAST_MS), "none shorter is set")]
    if objective_ms is not None:
        limits.append((objective_ms, f"the objective is {objective_ms:.0f} ms"))
    if usual_ms is not None:
        limits.append((USUAL_TIMES * usual_ms, f"three times the usual p99 of {usual_ms:.0f} ms"))
    if objective_ms is None and usual_ms is None:
        limits.append((float(UNKNOWN_MS), "no objective and no usual latency are known"))
    if queueing_ms is not None:
        limits.append((queueing_ms, "the other replicas answer late until there are more of them"))
    limit_ms, why = max(limits)
    return ceil(limit_ms), why


def _queueing_ms(workload: WorkloadObservation, view: PlanningView) -> float | None:
    """How late an answer may be in the next second if the other replicas are too few; None if they are not.

    A shorter limit would cut off answers that come, and would let healthy replicas be ejected first.
    """
    running = max(1, workload.replicas_running)
    if _busy_replicas(workload.workload, view) <= SATURATED * running and not has_queue(workload):
        return None
    into = [edge for edge in view.observation.edges if edge.edge.workload == workload.workload]
    return START_MS + max((edge.latency.p99_ms or 0.0 for edge in into), default=0.0)


def _objective_ms(workload: WorkloadObservation, view: PlanningView) -> float | None:
    """The objective of the service, else the strictest of those that call it."""
    if (slo := view.goals.slo(workload.service)) is not None:
        return slo.latency_ms
    services = {each.name: each.service for each in view.topology.workloads}
    callers = {
        services[edge.source]
        for edge in view.topology.edges
        if edge.service == workload.service and edge.source != GATEWAY
    }
    slos = [slo for caller in callers if (slo := view.goals.slo(caller)) is not None]
    return min((slo.latency_ms for slo in slos), default=None)


def _usual_p99_ms(workloads: set[str], view: PlanningView) -> float | None:
    """The median over earlier cycles in which none of the workloads was suspected of anything."""
    seen = []
    for cycle in view.cycles[-RECALLED:]:
        if any(s.subject in workloads and s.is_fault for s in cycle.diagnosis.suspects):
            continue
        p99s = [
            edge.latency.p99_ms
            for edge in cycle.observation.edges
            if edge.edge.workload in workloads and edge.latency.p99_ms is not None
        ]
        if p99s:
            seen.append(max(p99s))
    return sorted(seen)[len(seen) // 2] if seen else None


def _ejecting(outlier: OutlierSetting, workload: WorkloadObservation, missing: int, replicas: int) -> Remedy:
    """Eject whoever leaves requests in a row unanswered; the limit must leave room for all of them.

    As many are ejected as are silent, so a healthy replica can only be in their place, never beside them.
    """
    enough = IN_A_ROW if _to_the_silent_per_s(workload) >= RARE_PER_S else 1
    now = outlier.outlier_detection or OutlierDetection(enough, INTERVAL_MS, EJECTION_MS, 0)
    errors = min(now.consecutive_5xx, enough) if now.consecutive_5xx else enough
    # Envoy ejects none whose ejection would exceed this share of the replicas.
    percent = max(now.max_ejection_percent, min(100, ceil(100 * missing / replicas)))
    wanted = OutlierDetection(
        errors, min(now.interval_ms, INTERVAL_MS), max(now.base_ejection_ms, EJECTION_MS), percent
    )
    return Remedy(
        SetOutlierDetection(outlier.destination_rule, wanted),
        f"{missing} of {replicas} replicas of {workload.workload} do not answer: one that leaves "
        f"{text.plural(errors, 'request')} in a row unanswered gets none for "
        f"{wanted.base_ejection_ms / 1000:g} s, longer every time.",
    )


def _to_the_silent_per_s(workload: WorkloadObservation) -> float:
    """How many requests per second go to the silent replica that gets most."""
    return max((r.unanswered / r.silent_s for r in workload.replicas if r.silent_s > 0), default=0.0)
