"""Every step of a recorded run, forward and backward, and the stops worth jumping to."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from marskit.domain.events import Event, RunStarted
from marskit.domain.loop_events import Analysed, CycleCompleted, Executed, ExecuteEnded, Monitored, Planned
from marskit.domain.records import Outcome, Phase
from marskit.domain.state import State, apply
from marskit.replay.fingerprint import Fingerprints

FAR = 32
"""Largest number of events between two kept states, where no cycle ends."""
_TOLD_EVERY = 256


class Stop(StrEnum):
    """The kinds of stop."""

    EVENT = "event"
    PHASE = "phase"
    """The end of a phase."""
    CYCLE = "cycle"
    """The end of a cycle."""
    VIOLATION = "violation"
    """The first diagnosis with an SLO violation after one without."""
    ACTION = "action"
    """An action on the mesh, successful or not."""


@dataclass(frozen=True, slots=True)
class Position:
    """The position of a step."""

    step: int
    steps: int
    cycle: int | None
    """The cycle under way or just finished; None before the first."""
    last_cycle: int
    phase: Phase | None
    at_s: float
    end_s: float


class Timeline:
    """The run from step 0, before its first event, to step `len`, after its last one.

    A state is kept at the end of every cycle and at least every `FAR` events; states share nearly all their
    parts, so all of them take less memory than the events.
    """

    def __init__(
        self,
        events: Sequence[Event],
        progress: Callable[[int, int], None] = lambda done, of: None,
        notes: tuple[str, ...] = (),
    ) -> None:
        """Fold all events once, and report to `progress` how many of how many are done."""
        self.events = tuple(events)
        self.notes = notes
        """Gaps in the recording, one sentence each."""
        self.times_s = array("d", [0.0])
        """For every step, the latest time in any event so far."""
        self.violated: list[tuple[float, float]] = []
        """Stretches of time in which the newest diagnosis was a violation."""
        self._kept_at = [0]
        self._kept = [State()]
        self._stops: dict[Stop, list[int]] = {stop: [] for stop in Stop}
        self._begun: dict[int, int] = {}
        self._fingerprints = Fingerprints()
        self._violated_since_s: float | None = None
        self._executed: set[int] = set()
        state = self._kept[0]
        for step, event in enumerate(self.events, 1):
            state = apply(state, event)
            self._note(step, event, state)
            self._fingerprints.learn(event)
            if isinstance(event, CycleCompleted) or step - self._kept_at[-1] >= FAR:
                self._kept_at.append(step)
                self._kept.append(state)
            if step % _TOLD_EVERY == 0:
                progress(step, len(self.events))
        if self._violated_since_s is not None:
            self.violated.append((self._violated_since_s, self.end_s))
        progress(len(self.events), len(self.events))

    def __len__(self) -> int:
        return len(self.events)

    @property
    def end_s(self) -> float:
        """End of the run, in seconds since its start."""
        return self.times_s[-1]

    @property
    def started(self) -> RunStarted | None:
        """The run's first event."""
        return next((event for event in self.events if isinstance(event, RunStarted)), None)

    @property
    def cycles(self) -> tuple[int, ...]:
        """The numbers of all cycles that began."""
        return tuple(self._begun)

    def state_at(self, step: int) -> State:
        """The state after that many events; steps outside the run are clamped to its ends."""
        step = self.within(step)
        place = bisect_right(self._kept_at, step) - 1
        state = self._kept[place]
        for event in self.events[self._kept_at[place] : step]:
            state = apply(state, event)
        return state

    def hash_at(self, step: int) -> str:
        """The hash of that state, equal to the live run's."""
        return self.hash_of(self.state_at(step))

    def hash_of(self, state: State) -> str:
        """The hash of a state of this run."""
        return self._fingerprints.of(state)

    def within(self, step: int) -> int:
        """That step, clamped to the run."""
        return min(max(step, 0), len(self.events))

    def after(self, stop: Stop, step: int) -> int | None:
        """The next step of that kind, or None."""
        if stop is Stop.EVENT:
            return step + 1 if step < len(self.events) else None
        steps = self._stops[stop]
        place = bisect_right(steps, step)
        return steps[place] if place < len(steps) else None

    def before(self, stop: Stop, step: int) -> int | None:
        """The last step of that kind before this one, or None."""
        if stop is Stop.EVENT:
            return step - 1 if step > 0 else None
        steps = self._stops[stop]
        place = bisect_left(steps, step)
        return steps[place - 1] if place else None

    def stops(self, stop: Stop) -> tuple[int, ...]:
        """All steps of that kind, except of single events."""
        return tuple(self._stops[stop])

    def begin_of(self, cycle: int) -> int | None:
        """The step at which that cycle began, or None."""
        return self._begun.get(cycle)

    def step_at(self, at_s: float) -> int:
        """The last step up to that time."""
        return bisect_right(self.times_s, at_s) - 1

    def position(self, step: int, state: State | None = None) -> Position:
        """The position of that step; pass `state` if it is known."""
        step = self.within(step)
        cycle = (state or self.state_at(step)).cycle
        return Position(
            step=step,
            steps=len(self.events),
            cycle=cycle.id if cycle else None,
            last_cycle=max(self._begun, default=0),
            phase=cycle.phase if cycle else None,
            at_s=self.times_s[step],
            end_s=self.end_s,
        )

    def _note(self, step: int, event: Event, state: State) -> None:
        self.times_s.append(max(self.times_s[-1], state.now_s))
        if state.cycle is not None:
            self._begun.setdefault(state.cycle.id, step)
        match event:
            case Monitored() | Planned() | ExecuteEnded():
                self._stops[Stop.PHASE].append(step)
            case Analysed(_, _, diagnosis):
                self._stops[Stop.PHASE].append(step)
                self._judge(step, violated=diagnosis.slo_met is False)
            case CycleCompleted():
                self._stops[Stop.PHASE].append(step)
                self._stops[Stop.CYCLE].append(step)
            case Executed(execution, _):
                if execution.outcome is not Outcome.WITHHELD and execution.id not in self._executed:
                    self._executed.add(execution.id)
                    self._stops[Stop.ACTION].append(step)
            case _:
                pass

    def _judge(self, step: int, *, violated: bool) -> None:
        now_s = self.times_s[-1]
        if violated and self._violated_since_s is None:
            self._stops[Stop.VIOLATION].append(step)
            self._violated_since_s = now_s
        elif not violated and self._violated_since_s is not None:
            self.violated.append((self._violated_since_s, now_s))
            self._violated_since_s = None
