"""The action log, newest first: executions, effects, faults and notices."""

from dataclasses import dataclass
from typing import assert_never

from marskit import text
from marskit.domain.actions import describe
from marskit.domain.events import Deed, FaultInjected, LoadFactorChanged, Noticed, ScenarioChanged
from marskit.domain.faults import ClearFaults, describe_fault
from marskit.domain.goals import Goals
from marskit.domain.loop_events import ModeChanged, PaceChanged, PlanDecided, PlannerChanged, Replanned
from marskit.domain.records import Effect, Execution, Origin, Outcome
from marskit.domain.state import State
from marskit.views.controls import Hint, Intent
from marskit.views.document import Document, Sentence
from marskit.views.tone import Tone, of_severity

_OUTCOMES = {
    Outcome.APPLIED: ("✔", Tone.OK),
    Outcome.REJECTED: ("✖", Tone.BAD),
    Outcome.UNKNOWN: ("?", Tone.WARN),
    Outcome.WITHHELD: ("◌", Tone.DIM),
}
_ORIGINS = {Origin.PLANNER: "loop", Origin.PERSON: "you", Origin.UNDO: "undo", Origin.GUARD: "rollback"}
YOU = _ORIGINS[Origin.PERSON]
LOG = "log"
NO_ACTION = "No action yet"
KILLS = Hint(Intent.KILL, "kills a replica")
_LONGEST_WHO = 8
"""Longest word for who did something, in characters."""


@dataclass(frozen=True, slots=True)
class LogRow:
    """One line of the log."""

    at_s: float
    time: str
    symbol: str
    who: str
    text: str
    tone: Tone


def log_rows(state: State, limit: int = 200) -> tuple[LogRow, ...]:
    """The newest `limit` rows."""
    goals = state.started.goals if state.started else Goals(())
    effects = ((cycle.ended_at_s, effect) for cycle in state.cycles for effect in cycle.effects)
    rows = [
        *(_execution(execution) for execution in state.executions),
        *(_row(at_s, "↳", "effect", effect.sentence, effect_tone(effect, goals)) for at_s, effect in effects),
        *(_fault(event) for event in state.fault_log),
        *(_deed(event) for event in state.deeds),
        *(_notice(notice) for notice in state.notices),
    ]
    return tuple(sorted(rows, key=lambda row: row.at_s, reverse=True)[:limit])


def log_document(state: State) -> Document:
    """The whole log as a document."""
    rows = tuple(
        Sentence(f"{row.time}  {row.who}  {row.text}", Tone.PLAIN, row.symbol, row.tone)
        for row in log_rows(state)
    )
    return rows or (Sentence(f"{NO_ACTION}.", Tone.DIM),)


def effect_tone(effect: Effect, goals: Goals) -> Tone:
    """OK if the effect helped or the objective still holds, as it does after dropping a spare replica."""
    before_ms, after_ms = effect.latency_p95_before_ms, effect.latency_p95_after_ms
    slo = goals.slo(effect.service)
    slower = before_ms is not None and after_ms is not None and after_ms > before_ms
    over = slo is None or after_ms is None or after_ms > slo.latency_ms
    failing = (effect.error_percent_after or 0.0) > (effect.error_percent_before or 0.0)
    return Tone.WARN if failing or (slower and over) else Tone.OK


def outcome_mark(outcome: Outcome) -> tuple[str, Tone]:
    """The symbol and tone for an execution's outcome."""
    return _OUTCOMES[outcome]


def origin_name(origin: Origin) -> str:
    """The origin of an execution in one word."""
    return _ORIGINS[origin]


def _row(at_s: float, symbol: str, who: str, sentence: str, tone: Tone) -> LogRow:
    return LogRow(at_s, text.clock(at_s), symbol, who, sentence, tone)


def _execution(execution: Execution) -> LogRow:
    symbol, tone = outcome_mark(execution.outcome)
    words = describe(execution.action)
    if execution.outcome is Outcome.APPLIED and execution.effective_after_ms is not None:
        words += f", effective after {text.ms(execution.effective_after_ms)}"
    elif execution.outcome is not Outcome.APPLIED:
        words += f": {execution.outcome}" + (f", {execution.reason}" if execution.reason else "")
    return _row(execution.at_s, symbol, origin_name(execution.origin), words, tone)


def _fault(event: FaultInjected) -> LogRow:
    symbol = "✚" if isinstance(event.fault, ClearFaults) else "↯"
    return _row(event.at_s, symbol, YOU, describe_fault(event.fault), Tone.PERSON)


def _deed(event: Deed) -> LogRow:
    match event:
        case ModeChanged(at_s, mode):
            return _row(at_s, "◇", YOU, f"mode {mode}", Tone.PERSON)
        case PlannerChanged(at_s, planner):
            return _row(at_s, "◇", YOU, f"planner {planner}", Tone.PERSON)
        case ScenarioChanged(at_s, scenario):
            return _row(at_s, "◇", YOU, f"load {scenario.name}, from its beginning", Tone.PERSON)
        case LoadFactorChanged(at_s, factor):
            return _row(at_s, "◇", YOU, f"rate of the load {text.factor(factor)}", Tone.PERSON)
        case PaceChanged(at_s, pace):
            return _row(at_s, "◇", YOU, f"pace {text.pace(pace)}", Tone.PERSON)
        case Replanned(at_s, cycle, revision, reason, plan=plan):
            words = "; ".join(describe(action) for action in plan.actions) or "do nothing"
            return _row(
                at_s, "⟳", "loop", f"plan {revision} of cycle {cycle}: {words}, because {reason}", Tone.WARN
            )
        case PlanDecided(at_s, cycle, revision, approved, by_person, reason):
            what = f"the plan of cycle {cycle}" if revision == 1 else f"plan {revision} of cycle {cycle}"
            if approved:
                return _row(at_s, "✔", YOU, f"approved {what}", Tone.PERSON)
            if by_person:
                return _row(at_s, "◌", YOU, f"rejected {what}", Tone.PERSON)
            return _row(at_s, "◌", "loop", f"dropped {what}: {reason}", Tone.DIM)
        case _:
            assert_never(event)


def _notice(notice: Noticed) -> LogRow:
    """A subject too long for the column, such as a replica's name, is in the sentence anyway."""
    who = notice.subject if len(notice.subject) <= _LONGEST_WHO else "notice"
    return _row(notice.at_s, "!", who, notice.sentence, of_severity(notice.severity))
