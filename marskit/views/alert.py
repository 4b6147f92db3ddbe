"""The one sentence that a person must see now, if there is one."""

from dataclasses import dataclass, replace

from marskit.domain.actions import describe
from marskit.domain.load import LoadStatus
from marskit.domain.state import CycleInProgress, State
from marskit.views.controls import Hint, Intent, Move
from marskit.views.load import is_over, load_view
from marskit.views.tone import SYMBOLS, Tone


@dataclass(frozen=True, slots=True)
class AlertView:
    """A sentence and its tone; an empty text means that nothing needs attention."""

    text: str = ""
    tone: Tone = Tone.PLAIN
    hints: tuple[Hint, ...] = ()
    """What a person can do about it."""


STOPPING = AlertView(
    "◌ Stopping the load and the mesh…", Tone.ACCENT, (Hint(Move.LEAVE, "to leave at once"),)
)
STOPPING_TITLE = "stopping"
_DECISIONS = (
    Hint(Intent.APPROVE, "approve"),
    Hint(Intent.REJECT, "reject"),
    Hint(Intent.REPLAN, "replan"),
)
_RUNS_AGAIN = (Hint(Intent.AGAIN, "runs it again"), Hint(Intent.SCENARIO, "chooses another"))


def alert_view(state: State) -> AlertView:
    """The most urgent: the run failed, a plan awaits approval, proxy or load failed, the scenario is over."""
    if state.ended is not None:
        if state.ended.reason:
            return AlertView(f"{SYMBOLS[Tone.BAD]} The run ended: {state.ended.reason}", Tone.BAD)
        return AlertView("■ The run has ended; every process it started has stopped.", Tone.ACCENT)
    cycle = state.cycle
    if cycle is not None and cycle.awaiting_approval:
        return AlertView(f"{SYMBOLS[Tone.WARN]} Approval needed: {_words(cycle)}", Tone.WARN, _DECISIONS)
    seen = state.observation
    if seen is not None and seen.generation.rejected_reason:
        reason = seen.generation.rejected_reason
        return AlertView(f"{SYMBOLS[Tone.BAD]} The proxy rejected the configuration: {reason}", Tone.BAD)
    if seen is not None and seen.load is not None and seen.load.status is LoadStatus.FAILED:
        return AlertView(
            f"{SYMBOLS[Tone.BAD]} The load failed: {seen.load.reason or 'no reason given'}", Tone.BAD
        )
    if seen is not None and seen.load is not None and is_over(state):
        return AlertView(f"■ The scenario {load_view(state).scenario} is over.", Tone.ACCENT, _RUNS_AGAIN)
    return AlertView()


def recorded_alert(state: State) -> AlertView:
    """The same of a recording, in which nothing can be done any more."""
    cycle = state.cycle
    if state.ended is None and cycle is not None and cycle.awaiting_approval:
        return AlertView(f"{SYMBOLS[Tone.WARN]} A plan was awaiting approval: {_words(cycle)}", Tone.WARN)
    return replace(alert_view(state), hints=())


def _words(cycle: CycleInProgress) -> str:
    return "; ".join(describe(action) for action in cycle.plan.actions) if cycle.plan else ""
