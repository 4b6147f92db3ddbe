"""The position of a replay: the line and the bar with which a person moves through it."""

from dataclasses import dataclass, replace

from marskit import text
from marskit.replay.fingerprint import SHORT
from marskit.replay.player import Player
from marskit.replay.timeline import Position, Stop, Timeline
from marskit.views.loop import LoopView, PhaseStatus, PhaseView
from marskit.views.notices import Notice
from marskit.views.tone import Part, Tone

REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class Marks:
    """What the bar marks; all numbers are shares of the run's time, 0 to 1."""

    violated: tuple[tuple[float, float], ...] = ()
    """Stretches in which an SLO was violated."""
    actions: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class TransportView:
    """Position, speed and marks; while the recording loads, the progress of loading."""

    playing: bool = False
    speed: float = 1.0
    where: str = ""
    """`cycle 37/120 · Plan`."""
    clock: str = ""
    """`12:03 of 20:00`."""
    step: str = ""
    """`event 523/1411`."""
    at: float = 0.0
    """The share of the run's time that has passed, 0 to 1."""
    fingerprint: str = ""
    marks: Marks = Marks()
    does: Part = Part("‖", Tone.ACCENT)  # noqa: RUF009 # frozen
    """Whether it plays, in one character."""
    pace: str = text.factor(1.0)  # a string
    """`×2`."""
    note: str = ""
    """Background work, such as a branch being run."""


def transport_view(player: Player, marks: Marks, note: str = "") -> TransportView:
    """The line for the player's current position."""
    position = player.position
    return TransportView(
        playing=player.playing,
        speed=player.speed,
        where=_where(position),
        clock=f"{text.clock(position.at_s)} of {text.clock(position.end_s)}",
        step=f"event {position.step}/{position.steps}",
        at=_share(position.at_s, position.end_s),
        fingerprint=f"#{player.fingerprint[:SHORT]}",
        marks=marks,
        does=Part("►", Tone.OK) if player.playing else Part("‖", Tone.ACCENT),
        pace=text.factor(player.speed),
        note=note,
    )


def marks_of(timeline: Timeline) -> Marks:
    """The marks on the bar, which stay the same for the whole replay."""
    end_s = timeline.end_s
    return Marks(
        tuple((_share(since_s, end_s), _share(until_s, end_s)) for since_s, until_s in timeline.violated),
        tuple(_share(timeline.times_s[step], end_s) for step in timeline.stops(Stop.ACTION)),
    )


def recorded_loop(view: LoopView) -> LoopView:
    """The rail of a recording, without offers of what changes nothing there."""
    return replace(view, phases=tuple(_recorded(phase) for phase in view.phases))


def reading_words(doing: str, done: int, of: int) -> str:
    """The progress of reading a recording."""
    return f"{doing}… {text.percent(100.0 * done / of) if of else ''}"


def no_stop(stop: str, *, back: bool) -> Notice:
    """There is no further stop of that kind in that direction."""
    return Notice(f"No {stop} {'before' if back else 'after'} this one.")


def _recorded(phase: PhaseView) -> PhaseView:
    headline = "awaited approval" if phase.status is PhaseStatus.WAITING else phase.headline
    return replace(phase, headline=headline, hints=())


def _where(position: Position) -> str:
    if position.cycle is None:
        return f"before the first of {text.plural(position.last_cycle, 'cycle')}"
    phase = f" · {position.phase.capitalize()}" if position.phase else ""
    return f"cycle {position.cycle}/{position.last_cycle}{phase}"


def _share(at_s: float, end_s: float) -> float:
    return at_s / end_s if end_s > 0 else 0.0
