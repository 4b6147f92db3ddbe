"""The load: the scenario's offered rate over time, and the actual rate."""

from dataclasses import dataclass

from marskit import text
from marskit.domain.load import LoadStatus
from marskit.domain.state import State
from marskit.views.plots import Curve, PlotView, Upright, nice_max
from marskit.views.tone import Fact, Part, Tone

FACTOR_LAG_S = 3.0
"""Time for which a requested load factor counts before the generator reports it, in seconds."""
NO_CURVE = "The scenario's curve will appear here."
NOT_STARTED = "The load starts once the mesh answers."

NOT_SENT_SHARE = 0.9
"""Share of the offered rate below which the generator counts as unable to keep up."""


@dataclass(frozen=True, slots=True)
class LoadView:
    """The curve, the position in it, and the newest reading."""

    scenario: str = ""
    title: str = ""
    duration_s: float = 0.0
    """Length of the scenario, in scenario seconds."""
    speed: float = 1.0
    position_s: float | None = None
    """Position in the scenario, in scenario seconds; None before the load begins."""
    is_over: bool = False
    """Whether the scenario has reached its end."""
    curve: tuple[tuple[float, float], ...] = ()
    """Offered rate without the load factor: `(scenario_s, requests_per_s)`."""
    sent: tuple[tuple[float, float], ...] = ()
    """Actual rate so far in this scenario: `(scenario_s, requests_per_s)`."""
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
        is_over=is_over(state),
        sent=state.sent,
        asked_requests_per_s=sample.offered_requests_per_s,
        sent_requests_per_s=sample.sent_requests_per_s,
        failures_per_s=sample.failures_per_s,
        users=sample.users,
        factor=sample.factor,
        status=sample.status,
        health=_health(sample.status, sample.offered_requests_per_s, sample.sent_requests_per_s),
        reason=sample.reason,
    )


@dataclass(frozen=True, slots=True)
class LoadReading:
    """The newest reading in words."""

    title: str
    """The title of the panel: `load spike`."""
    note: Part | None = None
    """Why there are no numbers, if there are none."""
    rates: tuple[Fact, ...] = ()
    """The offered and the actual rate."""
    users: str = ""
    factor: Part = Part("")  # noqa: RUF009 # frozen
    """The factor on the load: `×3`."""
    scenario: str = ""
    """The scenario's own title."""
    position: str = ""
    """`01:08 of 04:00`."""


def load_reading(view: LoadView) -> LoadReading:
    """The newest reading in words."""
    title = f"load {view.scenario}".strip()
    speed = ", over" if view.is_over else f", {view.speed:g}× speed" if view.speed != 1 else ""
    position = f"{text.clock(view.position_s or 0.0)} of {text.clock(view.duration_s)}{speed}"
    if view.status is None or view.reason is not None:
        note = Part(NOT_STARTED, Tone.DIM) if view.status is None else Part(view.reason or "", Tone.BAD)
        return LoadReading(title, note, scenario=view.title, position=position)
    return LoadReading(
        title,
        rates=(
            Fact(Part("offered", Tone.DIM), Part(text.rate(view.asked_requests_per_s))),
            Fact(Part("actual", Tone.DIM), Part(text.rate(view.sent_requests_per_s), view.health)),
        ),
        users=text.count(view.users, "user"),
        factor=Part(text.factor(view.factor), Tone.PERSON if view.factor != 1 else Tone.DIM),
        scenario=view.title,
        position=position,
    )


def load_plot(view: LoadView) -> PlotView | None:
    """The offered rate of the whole scenario and the actual one so far; None before there is a scenario."""
    if not view.curve:
        return None
    offered = tuple((at_s, rate * view.factor) for at_s, rate in view.curve)
    top = nice_max([rate for _, rate in (*offered, *view.sent)], 1.0)
    here = () if view.position_s is None else (Upright(view.position_s, Tone.ACCENT),)
    return PlotView(
        view.title,
        (Curve("offered", offered, Tone.P50), Curve("actual", view.sent, Tone.OK)),
        0.0,
        view.duration_s,
        top,
        f"{top:g}/s",
        since=text.clock(0.0),
        until=text.clock(view.duration_s),
        uprights=here,
    )


def factor_now(state: State, wanted: tuple[float, float] | None) -> float:
    """The load factor that a person means.

    Args:
        state: The state of the run.
        wanted: The factor asked for last, and the time of the run then.

    Returns:
        That factor as long as the generator may not have reported it yet, else the reported one.
    """
    if wanted is not None and state.now_s - wanted[1] < FACTOR_LAG_S:
        return wanted[0]
    return state.observation.load.factor if state.observation and state.observation.load else 1.0


def is_over(state: State) -> bool:
    """Whether the scenario has reached its end, after which nothing is offered."""
    if state.started is None or state.observation is None or state.observation.load is None:
        return False
    load, duration_s = state.observation.load, state.started.scenario.duration_s
    return load.status is LoadStatus.RUNNING and load.scenario_s >= duration_s > 0


def _health(status: LoadStatus, offered: float, actual: float | None) -> Tone:
    match status:
        case LoadStatus.FAILED:
            return Tone.BAD
        case LoadStatus.RUNNING:
            if actual is None:
                return Tone.UNKNOWN
            return Tone.OK if actual >= NOT_SENT_SHARE * offered else Tone.WARN
        case LoadStatus.STARTING | LoadStatus.STOPPED | LoadStatus.SILENT:
            return Tone.UNKNOWN
