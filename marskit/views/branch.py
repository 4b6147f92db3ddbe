"""A branch beside its run: the figures of all sides, how to read them, and the curves to compare."""

from dataclasses import dataclass

from marskit import text
from marskit.replay.branched import Branched, Side
from marskit.views.document import Cell, Table
from marskit.views.plots import Curve, PlotView, nice_max
from marskit.views.tone import Part, Tone

READY = "ready replicas"
VIOLATIONS = "SLO"
"""Names the strip of violated cycles."""
SAME = "same (twin)"
"""Title of the control: the recorded actions, repeated in the twin."""


@dataclass(frozen=True, slots=True)
class CurvesView:
    """One side over time."""

    title: str
    p95: tuple[tuple[float, float | None], ...]
    """`(at_s, ms)` of the entry service."""
    replicas: tuple[tuple[float, float | None], ...]
    """`(at_s, ready)` of all workloads together."""
    violated: tuple[tuple[float, bool], ...]
    actions_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class BranchView:
    """Everything that a screen shows of a branch; all curves cover the same time."""

    title: str
    figures: Table
    words: tuple[str, ...]
    service: str
    slo_ms: float | None
    since_s: float
    until_s: float
    recorded: CurvesView
    control: CurvesView
    branch: CurvesView


@dataclass(frozen=True, slots=True)
class ColumnView:
    """One side ready to draw, on the axes that all sides share."""

    title: str
    legend: tuple[Part, ...]
    """What the curves are: of the side itself, then of the side drawn behind it."""
    latency: PlotView
    replicas: PlotView
    violated: tuple[tuple[float, float], ...]
    """The violated cycles, as shares of the time, 0 to 1."""
    actions: tuple[float, ...]
    """The actions, likewise."""


def columns(view: BranchView) -> tuple[ColumnView, ColumnView]:
    """The recording with its control behind it, and the branch."""
    return _column(view, view.recorded, view.control), _column(view, view.branch, None)


def kept_words(branched: Branched) -> str:
    """Where the branch and its control can be found later."""
    return f"recorded as runs {branched.branch.run} and {branched.control.run}"


def _column(view: BranchView, side: CurvesView, behind: CurvesView | None) -> ColumnView:
    every, slo = (view.recorded, view.control, view.branch), view.slo_ms
    top_ms = nice_max([ms for curve in every for _, ms in curve.p95 if ms], slo * 1.2 if slo else 10.0)
    most = nice_max([n for curve in every for _, n in curve.replicas if n], 1.0)
    span_s = (view.until_s - view.since_s) or 1.0
    ends_s = [at_s for at_s, _ in side.violated[1:]] + [view.until_s]
    legend = (Part("p95", Tone.P95), *((Part(f"┈ {behind.title}", Tone.P50),) if behind else ()))
    return ColumnView(
        title=side.title,
        legend=legend,
        latency=_plot(view, "p95", side.p95, behind.p95 if behind else (), top_ms, text.ms(top_ms), slo),
        replicas=_plot(view, READY, side.replicas, behind.replicas if behind else (), most, f"{most:g}"),
        violated=tuple(
            ((at_s - view.since_s) / span_s, (end_s - view.since_s) / span_s)
            for (at_s, violated), end_s in zip(side.violated, ends_s, strict=False)
            if violated
        ),
        actions=tuple((at_s - view.since_s) / span_s for at_s in side.actions_s),
    )


def _plot(
    view: BranchView,
    title: str,
    points: tuple[tuple[float, float | None], ...],
    behind: tuple[tuple[float, float | None], ...],
    top: float,
    label: str,
    level: float | None = None,
) -> PlotView:
    return PlotView(
        title,
        (Curve("behind", behind, Tone.P50), Curve(title, points, Tone.P95)),
        view.since_s,
        view.until_s,
        top,
        label,
        since=text.clock(view.since_s),
        until=text.clock(view.until_s),
        level=level,
    )


def branch_view(branched: Branched) -> BranchView:
    """The branch beside the recording and its control."""
    sides = (branched.recorded, branched.control, branched.branch)
    names = (_where(branched.recorded), SAME, f"{branched.branch.planner} (twin)")
    rows = (
        ("SLO-violation minutes", [f"{side.headline.violation_minutes:.2f}" for side in sides]),
        ("replica-minutes", [f"{side.headline.replica_minutes:.1f}" for side in sides]),
        ("failed requests", [str(side.headline.failed_requests) for side in sides]),
        ("actions", [str(side.headline.actions) for side in sides]),
    )
    tones = (Tone.PLAIN, Tone.DIM, Tone.STRONG)
    return BranchView(
        title=f"{branched.branch.planner} instead of {branched.recorded.planner} from cycle {branched.cycle} "
        f"({text.clock(branched.at_s)}) to {text.clock(branched.end_s)}",
        figures=Table(
            ("from that cycle on", *names),
            tuple(
                (Cell(name), *(Cell(value, tone) for value, tone in zip(values, tones, strict=True)))
                for name, values in rows
            ),
        ),
        words=(_honest(branched), *branched.notes),
        service=branched.service,
        slo_ms=branched.slo_ms,
        since_s=branched.at_s,
        until_s=branched.end_s,
        recorded=_curves(branched.recorded, names[0]),
        control=_curves(branched.control, names[1]),
        branch=_curves(branched.branch, names[2]),
    )


def _where(side: Side) -> str:
    return f"recorded ({'twin' if side.is_simulated else 'real'})"


def _honest(branched: Branched) -> str:
    """How the columns may be compared."""
    planner = branched.branch.planner
    if branched.recorded.is_simulated:
        recorded = "The recording comes from the twin itself"
    else:
        recorded = "The recording comes from the real mesh, the other two columns from the twin"
    return (
        f"{recorded}: compare {planner} with “{SAME}”, which repeats the recorded actions. "
        f"The difference between “{SAME}” and the recording is the twin's error."
    )


def _curves(side: Side, title: str) -> CurvesView:
    return CurvesView(
        title=title,
        p95=tuple((moment.at_s, moment.p95_ms) for moment in side.moments),
        replicas=tuple((moment.at_s, float(moment.replicas_ready or 0)) for moment in side.moments),
        violated=tuple((moment.at_s, moment.violated) for moment in side.moments),
        actions_s=side.actions_s,
    )
