"""The action log, newest first: executions, effects, faults and notices."""

from dataclasses import dataclass

from marskit import text
from marskit.domain.actions import describe
from marskit.domain.events import FaultInjected, Noticed
from marskit.domain.faults import ClearFaults, describe_fault
from marskit.domain.goals import Goals
from marskit.domain.records import Effect, Execution, Origin, Outcome
from marskit.domain.state import State
from marskit.views.document import Document, Sentence
from marskit.views.tone import Tone, of_severity

_OUTCOMES = {
    Outcome.APPLIED: ("✔", Tone.OK),
    Outcome.REJECTED: ("✖", Tone.BAD),
    Outcome.UNKNOWN: ("?", Tone.WARN),
    Outcome.WITHHELD: ("◌", Tone.DIM),
}
_ORIGINS = {Origin.PLANNER: "loop", Origin.PERSON: "you", Origin.UNDO: "undo", Origin.GUARD: "rollback"}
WHO = 8
"""Width of the log's origin column, in characters."""


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
        *(_notice(notice) for notice in state.notices),
    ]
    return tuple(sorted(rows, key=lambda row: row.at_s, reverse=True)[:limit])


def log_document(state: State) -> Document:
    """The whole log as a document."""
    rows = tuple(
        Sentence(f"{row.time}  {row.who}  {row.text}", Tone.PLAIN, row.symbol, row.tone)
        for row in log_rows(state)
    )
    return rows or (Sentence("No action yet.", Tone.DIM),)


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
    return _row(event.at_s, symbol, "chaos", describe_fault(event.fault), Tone.PERSON)


def _notice(notice: Noticed) -> LogRow:
    """A subject too long for the column, such as a replica's name, is in the sentence anyway."""
    who = notice.subject if len(notice.subject) <= WHO else "notice"
    return _row(notice.at_s, "!", who, notice.sentence, of_severity(notice.severity))
