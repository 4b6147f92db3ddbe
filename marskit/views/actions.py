"""What was done and what happened, newest first: executions, effects, faults and notices in one log."""

from dataclasses import dataclass

from marskit.domain.actions import describe
from marskit.domain.faults import ClearFaults, describe_fault
from marskit.domain.records import Effect, Execution, Origin, Outcome
from marskit.domain.state import State
from marskit.views import text
from marskit.views.document import Document, Sentence
from marskit.views.tone import Tone, of_severity

_OUTCOMES = {
    Outcome.APPLIED: ("✔", Tone.OK),
    Outcome.REJECTED: ("✖", Tone.BAD),
    Outcome.UNKNOWN: ("?", Tone.WARN),
    Outcome.WITHHELD: ("◌", Tone.DIM),
}
_ORIGINS = {Origin.PLANNER: "loop", Origin.PERSON: "you", Origin.UNDO: "undo"}


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
    executed = {e.id: e for e in state.executions}
    rows = [
        *(_execution(e) for e in state.executions),
        *(
            _effect(effect, cycle.ended_at_s, executed.get(effect.execution))
            for cycle in state.cycles
            for effect in cycle.effects
        ),
        *(
            _row(
                f.at_s,
                "✚" if isinstance(f.fault, ClearFaults) else "↯",
                "chaos",
                describe_fault(f.fault),
                Tone.PERSON,
            )
            for f in state.fault_log
        ),
        *(_row(n.at_s, "!", n.subject, n.sentence, of_severity(n.severity)) for n in state.notices),
    ]
    return tuple(sorted(rows, key=lambda row: row.at_s, reverse=True)[:limit])


def log_document(state: State) -> Document:
    """The whole log to read at leisure."""
    rows = tuple(
        Sentence(f"{row.time}  {row.who}  {row.text}", Tone.PLAIN, row.symbol, row.tone)
        for row in log_rows(state)
    )
    return rows or (Sentence("Nothing was done yet.", Tone.DIM),)


def outcome_mark(outcome: Outcome) -> tuple[str, Tone]:
    """The symbol and the tone of how an execution ended."""
    return _OUTCOMES[outcome]


def origin_name(origin: Origin) -> str:
    """Who asked for an execution, in one word."""
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


def _effect(effect: Effect, at_s: float, execution: Execution | None) -> LogRow:
    before, after = effect.latency_p95_before_ms, effect.latency_p95_after_ms
    better = before is not None and after is not None and after <= before
    what = f"{describe(execution.action)}: " if execution else ""
    return _row(at_s, "↳", "effect", f"{what}{effect.sentence}", Tone.OK if better else Tone.WARN)
