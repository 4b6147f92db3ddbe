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
from marskit.views.plots import Curve, PlotView, Upright, nice_max
from marskit.views.tone import Fact, Part, Tone

SPAN_S = 120.0
"""Longest span shown, in seconds."""
NO_POINTS = "The curves start with the first observation."
NOW = "now"
MARK_P95, MARK_P50, MARK_SLO = "━┈╌"
"""How the curves of the latency and the level across them are drawn."""
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


_TONES = {MarkKind.ACTION: Tone.ACCENT, MarkKind.PERSON: Tone.PERSON, MarkKind.FAULT: Tone.PERSON}


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


def series_view(state: State, service: str | None = None, *, span_s: float = SPAN_S) -> SeriesView:
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


def series_title(view: SeriesView) -> str:
    """The title of the panel: the service that it shows."""
    return view.service or "curves"


def series_plots(view: SeriesView) -> tuple[PlotView, ...]:
    """Latency, traffic and replicas, the most important first; empty before the first observation."""
    return (_latency(view), _traffic(view), _replicas(view)) if view.points else ()


def _latency(view: SeriesView) -> PlotView:
    slo, last = view.slo_ms, view.points[-1]
    top = nice_max([p.p95_ms for p in view.points if p.p95_ms is not None], slo * 1.2 if slo else 10.0)
    p50 = Fact(Part("p50", Tone.P50), Part(text.ms(last.p50_ms), Tone.DIM), MARK_P50, is_extra=True)
    p95 = Fact(Part("p95", Tone.P95), Part(text.ms(last.p95_ms), Tone.STRONG), MARK_P95)
    legend: tuple[Fact, ...] = (p50, p95)
    if slo is not None:
        legend += (Fact(Part("SLO", Tone.SLO), Part(text.ms(slo), Tone.DIM), MARK_SLO),)
    curves = (
        Curve("p50", tuple((p.at_s, p.p50_ms) for p in view.points), Tone.P50, is_dotted=True),
        Curve("p95", tuple((p.at_s, p.p95_ms) for p in view.points), Tone.P95),
    )
    return _plot(view, "latency", curves, top, text.ms(top), legend, level=slo)


def _traffic(view: SeriesView) -> PlotView:
    last = view.points[-1]
    top = nice_max([p.requests_per_s or 0.0 for p in view.points], 1.0)
    legend = (
        Fact(Part("requests", Tone.OK), Part(text.rate(last.requests_per_s), Tone.STRONG)),
        Fact(Part("failed", Tone.BAD), Part(text.per_second(last.failures_per_s), Tone.DIM)),
    )
    curves: tuple[Curve, ...] = (
        Curve("requests", tuple((p.at_s, p.requests_per_s) for p in view.points), Tone.OK),
    )
    if any(p.failures_per_s for p in view.points):
        curves += (Curve("failed", tuple((p.at_s, p.failures_per_s) for p in view.points), Tone.BAD),)
    return _plot(view, "traffic", curves, top, f"{top:g}/s", legend)


def _replicas(view: SeriesView) -> PlotView:
    last = view.points[-1]
    top = float(max(max(p.replicas_ready or 0, p.replicas_desired) for p in view.points) + 1)
    ready = text.replicas(last.replicas_ready, last.replicas_desired)
    curves = (
        Curve("desired", tuple((p.at_s, p.replicas_desired) for p in view.points), Tone.AXIS),
        Curve("ready", tuple((p.at_s, p.replicas_ready) for p in view.points), Tone.OK),
    )
    legend = (Fact(Part("ready", Tone.OK), Part(ready, Tone.STRONG)),)
    return _plot(view, "replicas", curves, top, f"{top:g}", legend)


def _plot(
    view: SeriesView,
    title: str,
    curves: tuple[Curve, ...],
    top: float,
    label: str,
    legend: tuple[Fact, ...],
    *,
    level: float | None = None,
) -> PlotView:
    return PlotView(
        title,
        curves,
        view.now_s - view.span_s,
        view.now_s,
        top,
        label,
        since=f"−{view.span_s:.0f} s",
        until=NOW,
        level=level,
        uprights=tuple(Upright(mark.at_s, _TONES[mark.kind], mark.symbol, mark.text) for mark in view.marks),
        legend=legend,
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
