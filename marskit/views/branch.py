"""A branch beside its run: the figures of all sides, how to read them, and the curves to compare."""

from dataclasses import dataclass

from marskit import text
from marskit.replay.branched import Branched, Side
from marskit.views.document import Cell, Table
from marskit.views.tone import Tone

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
