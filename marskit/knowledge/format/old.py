"""Runs of the schemas 1 and 2: one table of cycles, each with its whole record as JSON, and no log."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from marskit.domain.actions import Action, Scale, SetOutlierDetection, SetRetries, SetTimeout, ShiftTraffic
from marskit.domain.config import Configuration, RouteSetting
from marskit.domain.events import (
    Analysed,
    CycleCompleted,
    Event,
    Executed,
    ExecuteEnded,
    Monitored,
    Observed,
    PhaseStarted,
    Planned,
    RunStarted,
    ScenarioChanged,
)
from marskit.domain.records import Execution, Outcome, Phase
from marskit.knowledge.format.codec import dumps
from marskit.knowledge.format.log import Row, row_of
from marskit.knowledge.record import Record


def rows(started: RunStarted, records: Sequence[Record]) -> list[Row]:
    """The log that these records would have left."""
    made: list[Row] = []
    scenario, speed, under_way = started.scenario.name, started.scenario.speed, iter(records)
    record = next(under_way, None)
    for seq, event in enumerate(events(started, records)):
        if isinstance(event, ScenarioChanged):
            scenario, speed = event.scenario.name, event.scenario.speed
        cycle = record.cycle.id if record else 1
        covers_s = record.covers_s if record and isinstance(event, CycleCompleted) else None
        text = dumps(event, Event)
        made.append(row_of(started.run, seq, cycle, event, text, (scenario, speed, covers_s)))
        if isinstance(event, CycleCompleted):
            record = next(under_way, None)
    return made


def events(started: RunStarted, records: Iterable[Record]) -> Iterator[Event]:
    """The events that the records tell of, in their likely order.

    The phases of a cycle are taken to begin with it; telemetry is known only where Monitor looked.
    """
    yield started
    configuration = started.configuration
    for record in records:
        cycle = record.cycle
        at_s, number = cycle.started_at_s, cycle.id
        earlier = [e for e in cycle.executions if e.at_s < at_s]
        executed: list[Event] = []
        for execution in cycle.executions:
            configuration = _after(configuration, execution)
            executed.append(Executed(execution, configuration))
        yield from (
            *record.incidents,
            *executed[: len(earlier)],
            Observed(cycle.observation),
            PhaseStarted(at_s, number, Phase.MONITOR),
            Monitored(at_s, number, cycle.observation),
            PhaseStarted(at_s, number, Phase.ANALYSE),
            Analysed(at_s, number, cycle.diagnosis),
            PhaseStarted(at_s, number, Phase.PLAN),
            Planned(at_s, number, cycle.plan),
            PhaseStarted(at_s, number, Phase.EXECUTE),
            *executed[len(earlier) :],
            ExecuteEnded(cycle.ended_at_s, number),
            PhaseStarted(cycle.ended_at_s, number, Phase.KNOWLEDGE),
            CycleCompleted(cycle),
        )


def _after(configuration: Configuration, execution: Execution) -> Configuration:
    return (
        _changed(configuration, execution.action) if execution.outcome is Outcome.APPLIED else configuration
    )


def _changed(configuration: Configuration, action: Action) -> Configuration:
    """The configuration with what the action sets; what it does not name stays."""
    match action:
        case Scale(workload, replicas):
            scaled = tuple((w, replicas if w == workload else n) for w, n in configuration.replicas)
            return replace(configuration, replicas=scaled)
        case SetOutlierDetection(rule, outlier):
            outliers = tuple(
                replace(each, outlier_detection=outlier) if each.destination_rule == rule else each
                for each in configuration.outliers
            )
            return replace(configuration, outliers=outliers)
        case _:
            routes = tuple(
                _routed(route, action)
                if (route.virtual_service, route.index) == (action.virtual_service, action.route)
                else route
                for route in configuration.routes
            )
            return replace(configuration, routes=routes)


def _routed(route: RouteSetting, action: ShiftTraffic | SetTimeout | SetRetries) -> RouteSetting:
    match action:
        case ShiftTraffic():
            weights = dict(action.weights_percent)
            shifted = (
                replace(d, weight_percent=weights.get(d.subset or "", d.weight_percent))
                for d in route.destinations
            )
            return replace(route, destinations=tuple(shifted))
        case SetTimeout():
            return replace(route, timeout_ms=action.timeout_ms)
        case SetRetries():
            return replace(route, retries=action.retries)
