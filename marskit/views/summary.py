"""The run in one line, and the progress of its start."""

from dataclasses import dataclass, field, replace

from marskit import text
from marskit.domain.records import Mode, Phase
from marskit.domain.state import State
from marskit.views.tone import Tone
from marskit.views.verdict import VerdictView, verdict_view

RUN = "run"
"""Names the run in the header."""
_SYMBOLS = {
    "running": "►",
    "starting": "◌",
    "failed": "✖",
    "stopped": "■",
    "awaiting approval": "▲",
    "recorded": "●",
}


@dataclass(frozen=True, slots=True)
class SummaryView:
    """What the header shows."""

    mesh: str = ""
    """The mesh, and the pace of its time if it has one: `twin ×1`."""
    run: str = ""
    scenario: str = ""
    planner: str = ""
    mode: Mode = Mode.AUTO
    activity: str = "starting"
    """starting, running, paused, awaiting approval, stopped or failed."""
    activity_tone: Tone = Tone.ACCENT
    symbol: str = "◌"
    """The activity in one character."""
    situation: str = ""
    """The activity in full: that the loop is paused says nothing about the mesh."""
    cycle: int | None = None
    cycle_words: str = ""
    """`cycle 9`; empty before the first."""
    now_s: float = 0.0
    clock: str = text.clock(0.0)  # a string
    verdict: VerdictView = field(default_factory=VerdictView)
    """The verdict on all SLOs, with its age and the live one."""
    gateway_url: str | None = None
    rejected_reason: str | None = None
    """Why the proxy rejected the newest configuration."""


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of starting or stopping the mesh."""

    step: str
    detail: str
    done: bool


def summary_view(state: State) -> SummaryView:
    """The header of the run."""
    activity, tone = _activity(state)
    if state.started is None:
        return SummaryView(
            activity=activity, activity_tone=tone, symbol=_symbol(activity), situation=activity
        )
    mesh = state.started.mesh
    if state.started.capabilities.can_hold_time:
        mesh += f" {text.pace(state.pace)}"
    return SummaryView(
        mesh=mesh,
        run=state.started.run,
        scenario=state.started.scenario.name,
        planner=state.planner,
        mode=state.mode,
        activity=activity,
        activity_tone=tone,
        symbol=_symbol(activity),
        situation=_situation(state, activity),
        cycle=state.cycle.id if state.cycle else None,
        cycle_words=cycle_words(state),
        now_s=state.now_s,
        clock=clock_words(state),
        verdict=verdict_view(state),
        gateway_url=state.gateway_url,
        rejected_reason=state.observation.generation.rejected_reason if state.observation else None,
    )


def recorded_summary(state: State) -> SummaryView:
    """The header of a recorded run, which neither runs nor pauses: the transport says what plays."""
    view = summary_view(state)
    if view.activity in ("failed", "stopped", "starting"):
        return view
    return replace(
        view,
        activity="recorded",
        situation="recorded",
        activity_tone=Tone.ACCENT,
        symbol=_symbol("recorded"),
    )


def clock_words(state: State) -> str:
    """The time of the run: `01:08`."""
    return text.clock(state.now_s)


def cycle_words(state: State) -> str:
    """The cycle under way: `cycle 9`; empty before the first."""
    return f"cycle {state.cycle.id}" if state.cycle else ""


def detail_title(state: State, phase: Phase) -> str:
    """The title of the panel that shows what one phase reports."""
    if state.gateway_url is None:
        return "starting"
    return " · ".join(part for part in (str(phase), cycle_words(state)) if part)


def _symbol(activity: str) -> str:
    return _SYMBOLS.get(activity, "‖")


def never_began(state: State) -> bool:
    """Whether the run never began because its input was wrong, so that there is nothing to show."""
    return state.started is None and state.ended is not None and state.ended.reason is not None


def progress_view(state: State) -> tuple[StepView, ...]:
    """The steps so far with their newest details; all but the newest are done, all once the mesh answers."""
    up = state.gateway_url is not None or state.ended is not None
    details = {progressed.step: progressed.detail for progressed in state.progress}
    newest = next(reversed(details), None)
    return tuple(StepView(step, detail, done=up or step != newest) for step, detail in details.items())


def _situation(state: State, activity: str) -> str:
    if activity != "paused":
        return activity
    return f"loop paused · mesh {'held' if state.held else 'live'}"


def _activity(state: State) -> tuple[str, Tone]:
    if state.ended is not None:
        return ("failed", Tone.BAD) if state.ended.reason else ("stopped", Tone.DIM)
    if state.gateway_url is None:
        return "starting", Tone.ACCENT
    if state.cycle is not None and state.cycle.awaiting_approval:
        return "awaiting approval", Tone.WARN
    if state.running:
        return "running", Tone.OK
    return "paused", Tone.ACCENT
