"""The M-A-P-E-K rail: the status of each phase and its two or three most important facts."""

from dataclasses import dataclass, replace
from enum import StrEnum

from marskit import text
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.observation import Observation
from marskit.domain.plan import Plan
from marskit.domain.records import Outcome, Phase
from marskit.domain.state import CycleInProgress, State
from marskit.views.brief import brief
from marskit.views.controls import Hint, Intent
from marskit.views.current import entry_service, executions_of
from marskit.views.tone import SYMBOLS, Part, Tone, of_verdict
from marskit.views.verdict import age_of

PHASES = tuple(Phase)
STEPS = Hint(Intent.STEP_PHASE, "steps")
DECISIONS = (
    Hint(Intent.APPROVE, "approve"),
    Hint(Intent.REJECT, "reject"),
    Hint(Intent.REPLAN, "plan again"),
)
UNDOES = Hint(Intent.UNDO, "to undo")


class PhaseStatus(StrEnum):
    """The status of one phase in the cycle under way."""

    IDLE = "idle"
    ACTIVE = "active"
    DONE = "done"
    WAITING = "waiting for approval"


_MARKS = {
    PhaseStatus.IDLE: Part("○", Tone.DIM),
    PhaseStatus.ACTIVE: Part("◉", Tone.ACCENT),
    PhaseStatus.DONE: Part("✔", Tone.OK),
    PhaseStatus.WAITING: Part("▲", Tone.WARN),
}


@dataclass(frozen=True, slots=True)
class PhaseView:
    """One box of the rail."""

    phase: Phase
    title: str
    status: PhaseStatus
    mark: Part
    """The symbol of its status."""
    headline: str
    """The result in a few words."""
    facts: tuple[str, ...] = ()
    """Short supporting lines, the most important first."""
    tone: Tone = Tone.PLAIN
    age: str = ""
    """How old the result is, such as `32 s ago`; empty while it is fresh."""
    is_stale: bool = False
    """Whether it says nothing about the present any more."""
    hints: tuple[Hint, ...] = ()
    """What a person can do about it; a recording offers nothing."""


@dataclass(frozen=True, slots=True)
class LoopView:
    """The whole rail."""

    phases: tuple[PhaseView, ...]
    cycle: int | None = None
    current: Phase | None = None
    """The phase under way, or the last one done."""
    awaiting_approval: bool = False


def loop_view(state: State) -> LoopView:
    """The rail of the cycle under way."""
    cycle = state.cycle
    if cycle is None:
        first, *others = (_view(phase, PhaseStatus.IDLE, "", tone=Tone.DIM) for phase in PHASES)
        if state.gateway_url is None:
            return LoopView((replace(first, headline="starting"), *others))
        return LoopView((replace(first, hints=(STEPS,)), *others))
    boxes = (
        _monitor(state, cycle),
        _analyse(cycle),
        _plan(cycle),
        _execute(state, cycle),
        _knowledge(state, cycle),
    )
    return LoopView(
        tuple(_aged(state, cycle, box) for box in boxes),
        cycle=cycle.id,
        current=cycle.phase,
        awaiting_approval=cycle.awaiting_approval,
    )


def phase_to_show(before: State, after: State, *, chosen: bool) -> Phase | None:
    """The phase to select when the state changes; None leaves the selection alone.

    Args:
        before: The state that was shown.
        after: The newer state.
        chosen: Whether a person selected a phase.
    """
    old, new = before.cycle, after.cycle
    if new is None:
        return None
    if new.awaiting_approval and not (old is not None and old.awaiting_approval):
        return Phase.PLAN
    if not after.running and (old is None or (old.id, old.phase) != (new.id, new.phase)):
        return new.phase
    return Phase.ANALYSE if after.running and not chosen else None


def phase_status(cycle: CycleInProgress, phase: Phase) -> PhaseStatus:
    """The status of `phase` in the cycle under way."""
    if cycle.awaiting_approval and phase is Phase.EXECUTE:
        return PhaseStatus.WAITING
    here = PHASES.index(cycle.phase)
    if PHASES.index(phase) < here or (phase is cycle.phase and cycle.phase_done):
        return PhaseStatus.DONE
    return PhaseStatus.ACTIVE if phase is cycle.phase else PhaseStatus.IDLE


def _aged(state: State, cycle: CycleInProgress, box: PhaseView) -> PhaseView:
    """The box with its age; what rests on an old observation is grey."""
    if cycle.observation is None or box.status is not PhaseStatus.DONE:
        return box
    age = age_of(state, cycle.observation)
    return replace(box, age=age.words, is_stale=age.is_stale, tone=Tone.DIM if age.is_stale else box.tone)


def _view(
    phase: Phase,
    status: PhaseStatus,
    headline: str,
    facts: tuple[str, ...] = (),
    *,
    hints: tuple[Hint, ...] = (),
    tone: Tone,
) -> PhaseView:
    return PhaseView(phase, phase.capitalize(), status, _MARKS[status], headline, facts, tone, hints=hints)


def _box(
    cycle: CycleInProgress,
    phase: Phase,
    headline: str,
    *facts: str,
    hints: tuple[Hint, ...] = (),
    tone: Tone = Tone.PLAIN,
) -> PhaseView:
    kept = tuple(fact for fact in facts if fact)
    return _view(phase, phase_status(cycle, phase), headline, kept, hints=hints, tone=tone)


def _monitor(state: State, cycle: CycleInProgress) -> PhaseView:
    seen = cycle.observation
    if seen is None:
        return _box(cycle, Phase.MONITOR, "")
    return _box(cycle, Phase.MONITOR, *_traffic(seen, entry_service(state)))


def _traffic(seen: Observation, entry: str | None) -> tuple[str, ...]:
    service = next((row for row in seen.services if row.service == entry), None)
    if service is None:
        return ("no traffic seen",)
    latency = service.latency
    p95 = text.quantile(latency.p95_ms, trusted=latency.p95_is_trusted)
    return (
        f"p95 {p95}",
        text.rate(service.requests_per_s),
        f"n {latency.n} in {text.duration(seen.window_s)}",
        f"{text.percent(service.error_percent)} errors",
    )


def _analyse(cycle: CycleInProgress) -> PhaseView:
    diagnosis = cycle.diagnosis
    if diagnosis is None:
        return _box(cycle, Phase.ANALYSE, "")
    tone = of_verdict(diagnosis.slo_met)
    return _box(cycle, Phase.ANALYSE, _verdict(diagnosis), *_findings(diagnosis), tone=tone)


def _verdict(diagnosis: Diagnosis) -> str:
    symbol = SYMBOLS[of_verdict(diagnosis.slo_met)]
    violated = [slo.service for slo in diagnosis.slos if slo.met is False]
    if violated:
        return f"{symbol} {violated[0]}" + (f" +{len(violated) - 1}" if len(violated) > 1 else "")
    return f"{symbol} SLO met" if diagnosis.slo_met else f"{symbol} too few requests"


def _findings(diagnosis: Diagnosis) -> tuple[str, ...]:
    if diagnosis.unknown:
        return ("", "unknown", "telemetry is too old", "")
    bottleneck = f"◆ {diagnosis.bottleneck}" if diagnosis.bottleneck else ""
    fault = next((suspect for suspect in diagnosis.suspects if suspect.is_fault), None)
    count = len(diagnosis.symptoms)
    return (
        bottleneck,
        f"? {fault.subject} {fault.ailment}" if fault else "",
        text.plural(count, "symptom") if count else "no symptom",
        f"utility {text.signed(diagnosis.utility.total)}/s",
    )


def _plan(cycle: CycleInProgress) -> PhaseView:
    plan = cycle.plan
    if plan is None:
        return _box(cycle, Phase.PLAN, "")
    chosen = [brief(action) for action in plan.actions]
    return _box(
        cycle,
        Phase.PLAN,
        chosen[0] if chosen else "do nothing",
        *chosen[1:],
        _shield(plan),
        text.plural(len(plan.candidates), "option"),
        f"≈ {len(plan.similar)} like this" if plan.similar else "",
        f"by {plan.planner}",
        tone=Tone.ACCENT if chosen else Tone.PLAIN,
    )


def _shield(plan: Plan) -> str:
    return f"⊘ shield ×{len(plan.shield)}" if plan.shield else ""


def _execute(state: State, cycle: CycleInProgress) -> PhaseView:
    if cycle.awaiting_approval:
        return _box(cycle, Phase.EXECUTE, "", hints=DECISIONS, tone=Tone.WARN)
    executions = executions_of(state)
    if executions:
        applied = [e for e in executions if e.outcome is Outcome.APPLIED]
        failed = any(e.outcome in (Outcome.REJECTED, Outcome.UNKNOWN) for e in executions)
        slowest = max(
            (e.effective_after_ms for e in applied if e.effective_after_ms is not None), default=None
        )
        others = len(executions) - len(applied)
        return _box(
            cycle,
            Phase.EXECUTE,
            f"{len(applied)} applied" if applied else str(executions[-1].outcome),
            f"after {text.ms(slowest)}" if slowest is not None else "",
            f"{others} not applied" if applied and others else "",
            hints=(UNDOES,) if applied else (),
            tone=Tone.BAD if failed else Tone.OK if applied else Tone.DIM,
        )
    if phase_status(cycle, Phase.EXECUTE) is PhaseStatus.DONE:
        return _box(cycle, Phase.EXECUTE, "nothing", tone=Tone.DIM)
    return _box(cycle, Phase.EXECUTE, "")


def _knowledge(state: State, cycle: CycleInProgress) -> PhaseView:
    if not state.cycles:
        return _box(cycle, Phase.KNOWLEDGE, "")
    last = state.cycles[-1]
    return _box(
        cycle,
        Phase.KNOWLEDGE,
        text.plural(state.cycles_done, "cycle"),
        text.plural(len(last.effects), "effect") if last.effects else "",
        f"{text.ms(last.cpu_ms)} CPU",
    )
