"""Measured effects of earlier executions, read only after they became effective."""

from dataclasses import dataclass
from typing import assert_never

from marskit.domain.actions import (
    Action,
    Scale,
    SetOutlierDetection,
    SetRetries,
    SetTimeout,
    ShiftTraffic,
    describe,
)
from marskit.domain.config import Configuration
from marskit.domain.goals import Goals
from marskit.domain.observation import Latency, Observation, ServiceObservation
from marskit.domain.plan import Prediction
from marskit.domain.records import Effect, Execution, Outcome
from marskit.domain.topology import Topology
from marskit.mapek.analyse.utility import entry_services

LOAD_CHANGED = 0.2
"""Relative change of the offered load above which an effect's sentence mentions it."""


@dataclass(frozen=True, slots=True)
class PendingEffect:
    """An applied execution whose effect has not been measured yet."""

    execution: Execution
    before: Observation
    """The observation on which it was decided."""
    prediction: Prediction | None = None
    """The prediction for the plan that it was part of."""

    @property
    def effective_at_s(self) -> float:
        """When samples begin to show it: read `Monitor.observe(..., since_s=effective_at_s)`."""
        after_ms = self.execution.effective_after_ms or self.execution.pushed_after_ms or 0.0
        return self.execution.at_s + after_ms / 1000.0


def pending_effect(
    execution: Execution, before: Observation, prediction: Prediction | None = None
) -> PendingEffect | None:
    """The measurement to make later for this execution; None if nothing was written."""
    return PendingEffect(execution, before, prediction) if execution.outcome is Outcome.APPLIED else None


def effect(
    pending: PendingEffect,
    after: Observation,
    *,
    topology: Topology,
    goals: Goals,
    configuration: Configuration,
) -> Effect:
    """The p95 and the errors of the users' service before and after one execution.

    Args:
        pending: The execution and the observation before it.
        after: The observation since it became effective, from `Monitor.observe(..., since_s=...)`.
        topology: For finding the users' service that depends on the change.
        goals: For finding the services that users call.
        configuration: For finding the service of a route or a DestinationRule.
    """
    execution = pending.execution
    name = facing_service(execution.action, topology, goals, configuration)
    before, now = _service(pending.before, name), _service(after, name)
    expected = pending.prediction if pending.prediction and pending.prediction.service == name else None
    return Effect(
        execution=execution.id,
        service=name,
        latency_p95_before_ms=before.latency.p95_ms,
        latency_p95_after_ms=now.latency.p95_ms,
        error_percent_before=before.error_percent,
        error_percent_after=now.error_percent,
        sentence=_sentence(name, execution.action, before, now, expected) + _load(pending.before, after),
        latency_p95_predicted_ms=expected.latency_p95_ms if expected else None,
        error_percent_predicted=expected.error_percent if expected else None,
    )


def _service(observation: Observation, name: str) -> ServiceObservation:
    """The service in the observation; without requests if there were none."""
    nothing = ServiceObservation(name, 0.0, 0.0, Latency())
    return next((s for s in observation.services if s.service == name), nothing)


def _changed_service(action: Action, topology: Topology, configuration: Configuration) -> str:
    match action:
        case Scale(workload):
            return topology.workload(workload).service
        case ShiftTraffic() | SetTimeout() | SetRetries():
            route = configuration.route(action.virtual_service, action.route)
            # A route that only redirects has no destination; its VirtualService's name must do.
            return next((d.service for d in route.destinations), action.virtual_service)
        case SetOutlierDetection(destination_rule):
            return next(o.service for o in configuration.outliers if o.destination_rule == destination_rule)
        case _:
            assert_never(action)


def facing_service(action: Action, topology: Topology, goals: Goals, configuration: Configuration) -> str:
    """The first of the users' services that depends on the change; the changed service if none does."""
    changed = _changed_service(action, topology, configuration)
    return next((s for s in entry_services(topology, goals) if changed in _reach(s, topology)), changed)


def _reach(service: str, topology: Topology) -> set[str]:
    """The service and all that it calls, directly or indirectly."""
    reached: set[str] = set()
    todo = [service]
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            behind = next((s.workloads for s in topology.services if s.name == name), ())
            todo += [callee for workload in behind for callee in topology.callees(workload)]
    return reached


def _sentence(
    name: str,
    action: Action,
    before: ServiceObservation,
    after: ServiceObservation,
    expected: Prediction | None,
) -> str:
    when = f"after “{describe(action)}”"
    old, new = before.latency.p95_ms, after.latency.p95_ms
    if old is None or new is None or after.requests_per_s == 0:
        return f"Too few requests to {name} {when} to measure its effect."
    if not after.latency.p95_is_trusted:
        n = after.latency.n
        moved = f"p95 of {name} went from {old:.0f} ms to {new:.0f} ms {when}, on only {n} requests"
        return f"{moved}{_predicted(expected)}."
    verb = "fell" if new < 0.9 * old else "rose" if new > 1.1 * old else "stayed about the same,"
    moved = f"{verb} from {old:.0f} ms to {new:.0f} ms"
    errors = _errors(before.error_percent or 0.0, after.error_percent or 0.0)
    return f"p95 of {name} {moved} {when}{errors}{_predicted(expected)}."


def _predicted(expected: Prediction | None) -> str:
    if expected is None or expected.latency_p95_ms is None:
        return ""
    errors = f" and {expected.error_percent:.1f} % errors" if expected.error_percent >= 0.1 else ""
    return f"; predicted {expected.latency_p95_ms:.0f} ms{errors}"


def load_change(before: Observation, after: Observation) -> tuple[float, float] | None:
    """The offered requests per second before and after, if they differ too much to compare effects."""
    if before.load is None or after.load is None:
        return None
    old, new = before.load.offered_requests_per_s, after.load.offered_requests_per_s
    return (old, new) if abs(new - old) > LOAD_CHANGED * max(old, new) else None


def _load(before: Observation, after: Observation) -> str:
    """A remark if the load changed: the effect is then not the action's alone."""
    change = load_change(before, after)
    if change is None:
        return ""
    old, new = change
    return f" The load also went from {old:.0f} to {new:.0f} req/s, so the action is not the only cause."


def _errors(before: float, after: float) -> str:
    if max(before, after) < 0.1:
        return ""
    return f", errors went from {before:.1f} % to {after:.1f} %"
