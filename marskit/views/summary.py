"""The run in one line, and the progress of its start."""

from dataclasses import dataclass

from marskit.domain.records import Mode
from marskit.domain.state import State
from marskit.views.current import diagnosis_of
from marskit.views.tone import Tone, of_verdict


@dataclass(frozen=True, slots=True)
class SummaryView:
    """What the header shows."""

    mesh: str = ""
    run: str = ""
    scenario: str = ""
    planner: str = ""
    mode: Mode = Mode.AUTO
    activity: str = "starting"
    """starting, running, paused, awaiting approval, stopped or failed."""
    activity_tone: Tone = Tone.ACCENT
    cycle: int | None = None
    now_s: float = 0.0
    slo: str = ""
    """The verdict on all SLOs in a few words."""
    slo_tone: Tone = Tone.UNKNOWN
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
        return SummaryView(activity=activity, activity_tone=tone)
    diagnosis = diagnosis_of(state)
    met = diagnosis.slo_met if diagnosis else None
    violated = sum(slo.met is False for slo in diagnosis.slos) if diagnosis else 0
    return SummaryView(
        mesh=state.started.mesh,
        run=state.started.run,
        scenario=state.started.scenario.name,
        planner=state.planner,
        mode=state.mode,
        activity=activity,
        activity_tone=tone,
        cycle=state.cycle.id if state.cycle else None,
        now_s=state.now_s,
        slo={None: "SLO not evaluated yet", True: "SLO met", False: f"SLO violated ({violated})"}[met],
        slo_tone=of_verdict(met),
        gateway_url=state.gateway_url,
        rejected_reason=state.observation.generation.rejected_reason if state.observation else None,
    )


def progress_view(state: State) -> tuple[StepView, ...]:
    """The steps so far with their newest details; all but the newest are done, all once the mesh answers."""
    up = state.gateway_url is not None or state.ended is not None
    details = {progressed.step: progressed.detail for progressed in state.progress}
    newest = next(reversed(details), None)
    return tuple(StepView(step, detail, done=up or step != newest) for step, detail in details.items())


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
