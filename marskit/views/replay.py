"""The position of a replay: the line and the bar with which a person moves through it."""

from dataclasses import dataclass, replace

from marskit import text
from marskit.replay.fingerprint import SHORT
from marskit.replay.player import Player
from marskit.replay.timeline import Position, Stop, Timeline
from marskit.views.loop import OFFERS, LoopView, PhaseStatus


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
    """`523/1411`, counted in events."""
    at: float = 0.0
    """The share of the run's time that has passed, 0 to 1."""
    fingerprint: str = ""
    marks: Marks = Marks()
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
        step=f"{position.step}/{position.steps}",
        at=_share(position.at_s, position.end_s),
        fingerprint=player.fingerprint[:SHORT],
        marks=marks,
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
    """The rail of a recording, without the offers of keys that change nothing there."""
    phases = []
    for phase in view.phases:
        kept = [line for line in (phase.headline, *phase.facts) if line not in OFFERS]
        if phase.status is PhaseStatus.WAITING:
            kept.insert(0, "awaited approval")
        phases.append(replace(phase, headline=kept[0] if kept else "", facts=tuple(kept[1:])))
    return replace(view, phases=tuple(phases))


def _where(position: Position) -> str:
    if position.cycle is None:
        return f"before the first of {text.plural(position.last_cycle, 'cycle')}"
    phase = f" · {position.phase.capitalize()}" if position.phase else ""
    return f"cycle {position.cycle}/{position.last_cycle}{phase}"


def _share(at_s: float, end_s: float) -> float:
    return at_s / end_s if end_s > 0 else 0.0
