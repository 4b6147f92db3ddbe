"""A recording as a runtime: screens show it like a live run, and can also go back."""

from collections.abc import Callable
from concurrent.futures import Future

from marskit.domain.actions import Action
from marskit.domain.commands import Command, CommandError, DryRun
from marskit.domain.events import Event
from marskit.domain.state import State
from marskit.replay.timeline import Position, Stop, Timeline

SPEEDS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Speeds: seconds of the run per real second."""
UNCHANGEABLE = "A recording cannot be changed; branch with b."

Sink = Callable[[Event], None]


class Player:
    """Moves through a timeline; see `tui.app.Runtime` for the interface. Uses one thread.

    It has no clock of its own: its owner reports how much time has passed.
    """

    def __init__(self, timeline: Timeline, step: int | None = None) -> None:
        """Begin at that step, or at the first event, as a live run does."""
        self.timeline = timeline
        self.playing = False
        self.speed = 1.0
        self._step = timeline.within(1 if step is None else step)
        self._state = timeline.state_at(self._step)
        self._now_s = timeline.times_s[self._step]
        self._sinks: tuple[Sink, ...] = ()

    @property
    def state(self) -> State:
        """The state of the step."""
        return self._state

    @property
    def step(self) -> int:
        """Number of events so far."""
        return self._step

    @property
    def position(self) -> Position:
        """The present position."""
        return self.timeline.position(self._step, self._state)

    @property
    def fingerprint(self) -> str:
        """The hash of the state."""
        return self.timeline.hash_of(self._state)

    def subscribe(self, sink: Sink) -> None:
        """Send the last event of every later move to `sink`."""
        self._sinks = (*self._sinks, sink)

    def unsubscribe(self, sink: Sink) -> None:
        """Send no more events to `sink`."""
        self._sinks = tuple(each for each in self._sinks if each != sink)

    def submit(self, command: Command) -> Future[None]:
        """Refuse: a recording cannot be changed."""
        result: Future[None] = Future()
        result.set_exception(CommandError(UNCHANGEABLE))
        return result

    def preview(self, action: Action) -> Future[DryRun]:
        """Refuse likewise."""
        result: Future[DryRun] = Future()
        result.set_exception(CommandError(UNCHANGEABLE))
        return result

    def stop(self, timeout_s: float) -> bool:
        """Nothing has to be stopped."""
        return True

    def go(self, step: int) -> None:
        """Jump to that step."""
        self._show(self.timeline.within(step))
        self._now_s = self.timeline.times_s[self._step]

    def go_to(self, at_s: float) -> None:
        """Jump to the last step up to that time."""
        self.go(self.timeline.step_at(at_s))

    def next(self, stop: Stop, *, back: bool = False) -> bool:
        """Jump to the next stop of that kind, or the one before; False if there is none."""
        found = (self.timeline.before if back else self.timeline.after)(stop, self._step)
        if found is None:
            return False
        self.go(found)
        return True

    def play(self, *, on: bool) -> None:
        """Play or pause; at the end, play starts from the beginning."""
        if on and self._step == len(self.timeline):
            self.go(1)
        self.playing = on

    def faster(self, *, back: bool = False) -> None:
        """The next speed, or the one before."""
        place = SPEEDS.index(self.speed) + (-1 if back else 1)
        self.speed = SPEEDS[min(max(place, 0), len(SPEEDS) - 1)]

    def advance(self, real_s: float) -> None:
        """Advance by that much real time if playing."""
        if not self.playing:
            return
        self._now_s += real_s * self.speed
        # Of several steps at the same time, a person may be on any: never go back from there.
        self._show(max(self._step, self.timeline.step_at(self._now_s)))
        self.playing = self._step < len(self.timeline)

    def _show(self, step: int) -> None:
        if step == self._step:
            return
        self._step, self._state = step, self.timeline.state_at(step)
        if step:
            for sink in self._sinks:
                sink(self.timeline.events[step - 1])
