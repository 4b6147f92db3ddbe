"""One service over time: latency, traffic and replicas, with marks at actions and faults."""

from dataclasses import dataclass
from enum import StrEnum

from marskit import text
from marskit.domain.actions import Scale, ShiftTraffic, describe
from marskit.domain.faults import ClearFaults, describe_fault
from marskit.domain.observation import Observation
from marskit.domain.records import Execution, Outcome
from marskit.domain.state import State
from marskit.views.current import OURS, entry_service

YOUNG_S = 30.0
"""Shortest span shown, in seconds, so that the first readings do not fill the plot."""


SYMBOL_UP, SYMBOL_DOWN, SYMBOL_TRAFFIC, SYMBOL_SETTING = "▲▼↔≡"
"""More replicas, fewer, other weights, another setting."""
SYMBOL_FAULT, SYMBOL_CLEARED = "↯✚"


class MarkKind(StrEnum):
    """The origin of the mark."""

    ACTION = "action"
    PERSON = "person"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment to mark on the curves."""

    at_s: float
    kind: MarkKind
    text: str
    symbol: str = ""
    """What kind of change it was."""


@dataclass(frozen=True, slots=True)
class Point:
    """One observation of the service; None where there was no traffic."""

    at_s: float
    p50_ms: float | None
    p95_ms: float | None
    requests_per_s: float | None
    failures_per_s: float | None
    replicas_ready: int | None
    replicas_desired: int


@dataclass(frozen=True, slots=True)
class SeriesView:
    """Everything that the plots of one service need."""

    service: str = ""
    now_s: float = 0.0
    span_s: float = 0.0
    """Length of the plots, in seconds: shorter while the run is young."""
    slo_ms: float | None = None
    points: tuple[Point, ...] = ()
    marks: tuple[Mark, ...] = ()


def series_view(state: State, service: str | None = None, *, span_s: float = 120.0) -> SeriesView:
    """At most the last `span_s` seconds of `service`, by default of the entry service."""
    name = service or entry_service(state)
    if state.started is None or name is None:
        return SeriesView()
    slo = state.started.goals.slo(name)
    workloads = tuple(w.name for w in state.started.topology.workloads if w.service == name)
    age_s = state.now_s - state.history[0].at_s if state.history else 0.0
    span_s = min(span_s, max(YOUNG_S, age_s))
    since_s = state.now_s - span_s
    return SeriesView(
        service=name,
        now_s=state.now_s,
        span_s=span_s,
        slo_ms=slo.latency_ms if slo else None,
        points=tuple(_point(seen, name, workloads) for seen in state.history if seen.at_s >= since_s),
        marks=tuple(mark for mark in _marks(state) if mark.at_s >= since_s),
    )


def _point(observation: Observation, name: str, workloads: tuple[str, ...]) -> Point:
    service = next((row for row in observation.services if row.service == name), None)
    mine = [row for row in observation.workloads if row.workload in workloads]
    return Point(
        at_s=observation.at_s,
        p50_ms=service.latency.p50_ms if service else None,
        p95_ms=service.latency.p95_ms if service else None,
        requests_per_s=service.requests_per_s if service else None,
        failures_per_s=service.failures_per_s if service else None,
        replicas_ready=text.total(row.replicas_ready for row in mine),
        replicas_desired=sum(row.replicas_desired for row in mine),
    )


def _marks(state: State) -> list[Mark]:
    """Every change of the mesh, on any service: causes and effects often lie in different places."""
    done = [
        Mark(
            e.at_s,
            MarkKind.ACTION if e.origin in OURS else MarkKind.PERSON,
            describe(e.action),
            action_symbol(e),
        )
        for e in state.executions
        if e.outcome is Outcome.APPLIED
    ]
    broken = [
        Mark(
            f.at_s,
            MarkKind.FAULT,
            describe_fault(f.fault),
            SYMBOL_CLEARED if isinstance(f.fault, ClearFaults) else SYMBOL_FAULT,
        )
        for f in state.fault_log
    ]
    return sorted((*done, *broken), key=lambda mark: mark.at_s)


def action_symbol(execution: Execution) -> str:
    """What an execution changed, in one character."""
    match execution.action:
        case Scale(_, replicas):
            before = execution.inverse.replicas if isinstance(execution.inverse, Scale) else None
            return SYMBOL_DOWN if before is not None and replicas < before else SYMBOL_UP
        case ShiftTraffic():
            return SYMBOL_TRAFFIC
        case _:
            return SYMBOL_SETTING
