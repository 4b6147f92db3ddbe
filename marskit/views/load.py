"""The load: what the scenario asks for over its whole length, and what was really sent."""

from dataclasses import dataclass

from marskit.domain.load import LoadStatus
from marskit.domain.state import State
from marskit.views.tone import Tone

NOT_SENT_SHARE = 0.9
"""A generator that sends less than this share of what is asked cannot keep up."""


@dataclass(frozen=True, slots=True)
class LoadView:
    """Curve, position in it, and the newest reading."""

    scenario: str = ""
    title: str = ""
    duration_s: float = 0.0
    """Scenario seconds."""
    speed: float = 1.0
    position_s: float | None = None
    """Where in the scenario the load is, in scenario seconds; None before it began."""
    curve: tuple[tuple[float, float], ...] = ()
    """What the scenario itself asks for, without the factor: `(scenario_s, requests_per_s)`."""
    sent: tuple[tuple[float, float], ...] = ()
    """What was sent so far in this scenario: `(scenario_s, requests_per_s)`."""
    asked_requests_per_s: float | None = None
    sent_requests_per_s: float | None = None
    failures_per_s: float | None = None
    users: int | None = None
    factor: float = 1.0
    status: LoadStatus | None = None
    health: Tone = Tone.UNKNOWN
    reason: str | None = None


def load_view(state: State) -> LoadView:
    """The load of the run with its newest reading."""
    if state.started is None:
        return LoadView()
    info = state.started.scenario
    base = LoadView(
        scenario=info.name, title=info.title, duration_s=info.duration_s, speed=info.speed, curve=info.curve
    )
    sample = state.observation.load if state.observation else None
    if sample is None:
        return base
    return LoadView(
        scenario=base.scenario,
        title=base.title,
        duration_s=base.duration_s,
        speed=base.speed,
        curve=base.curve,
        position_s=min(sample.scenario_s, info.duration_s),
        sent=_sent(state),
        asked_requests_per_s=sample.offered_requests_per_s,
        sent_requests_per_s=sample.sent_requests_per_s,
        failures_per_s=sample.failures_per_s,
        users=sample.users,
        factor=sample.factor,
        status=sample.status,
        health=_health(sample.status, sample.offered_requests_per_s, sample.sent_requests_per_s),
        reason=sample.reason,
    )


def _sent(state: State) -> tuple[tuple[float, float], ...]:
    """The readings since the scenario began: back from the newest until its clock jumps."""
    points: list[tuple[float, float]] = []
    for observation in reversed(state.history):
        sample = observation.load
        if sample is None or (points and sample.scenario_s > points[-1][0]):
            break
        points.append((sample.scenario_s, sample.sent_requests_per_s))
    return tuple(reversed(points))


def _health(status: LoadStatus, asked: float, sent: float) -> Tone:
    match status:
        case LoadStatus.FAILED:
            return Tone.BAD
        case LoadStatus.RUNNING:
            return Tone.OK if sent >= NOT_SENT_SHARE * asked else Tone.WARN
        case LoadStatus.STARTING | LoadStatus.STOPPED:
            return Tone.UNKNOWN
