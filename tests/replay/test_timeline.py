"""Wherever one jumps, the state is the fold of what had happened by then."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from marskit.domain.events import Event, Observed, RunStarted
from marskit.domain.loop_events import Analysed, CycleCompleted, Executed
from marskit.domain.records import Outcome, Phase
from marskit.domain.state import State, fold
from marskit.replay.fingerprint import Fingerprints
from marskit.replay.timeline import FAR, Stop, Timeline
from tests.tui import scripts

TOLD = tuple(scripts.recovered().events)


def some_events() -> st.SearchStrategy[list[Event]]:
    """Events of a run in any order and number: the fold is total, and so is going about in it."""
    return st.lists(st.sampled_from(TOLD), max_size=3 * FAR)


@given(some_events(), st.lists(st.integers(-5, 4 * FAR), min_size=1, max_size=10))
def test_every_step_is_the_fold_of_what_came_before(events: list[Event], steps: list[int]) -> None:
    timeline = Timeline(events)
    for step in steps:
        nearest = min(max(step, 0), len(events))
        assert timeline.state_at(step) == fold(events[:nearest])
        assert timeline.hash_at(step) == state_hash(fold(events[:nearest]))


@given(some_events(), st.sampled_from(Stop))
def test_stops_come_in_order_and_are_met_both_ways(events: list[Event], stop: Stop) -> None:
    timeline = Timeline(events)
    forward = walk(timeline, stop, 0, back=False)
    backward = walk(timeline, stop, len(timeline) + 1 if stop is not Stop.EVENT else len(timeline), back=True)
    if stop is Stop.EVENT:
        assert forward == list(range(1, len(events) + 1))
        assert backward == list(range(len(events) - 1, -1, -1))
    else:
        assert forward == backward[::-1] == list(timeline.stops(stop))
        assert forward == sorted(set(forward))


def walk(timeline: Timeline, stop: Stop, step: int, *, back: bool) -> list[int]:
    seen: list[int] = []
    while (found := (timeline.before if back else timeline.after)(stop, step)) is not None:
        seen.append(step := found)
    return seen


@given(some_events(), st.floats(-10.0, 200.0))
def test_a_time_is_the_last_step_that_had_come_by_then(events: list[Event], at_s: float) -> None:
    timeline = Timeline(events)
    step = timeline.step_at(at_s)
    if at_s < 0:
        assert step == -1
    else:
        assert timeline.times_s[step] <= at_s
        assert step == len(timeline) or timeline.times_s[step + 1] > at_s


def test_stops_are_what_their_names_say() -> None:
    timeline = Timeline(TOLD)
    ends = [step for step, event in enumerate(TOLD, 1) if isinstance(event, CycleCompleted)]
    assert timeline.stops(Stop.CYCLE) == tuple(ends)
    violated = [
        step
        for step, event in enumerate(TOLD, 1)
        if isinstance(event, Analysed) and event.diagnosis.slo_met is False
    ]
    assert violated
    assert timeline.stops(Stop.VIOLATION)[0] == violated[0]
    assert set(timeline.stops(Stop.VIOLATION)) <= set(violated)
    done = [step for step, event in enumerate(TOLD, 1) if isinstance(event, Executed)]
    assert timeline.stops(Stop.ACTION) == tuple(done)
    assert all(TOLD[step - 1].execution.outcome is not Outcome.WITHHELD for step in done)  # type: ignore[union-attr] # they are Executed
    assert [timeline.state_at(timeline.begin_of(n) or 0).cycle.id for n in timeline.cycles] == list(  # type: ignore[union-attr] # begun
        timeline.cycles
    )


def test_a_position_tells_cycle_phase_and_time() -> None:
    timeline = Timeline(TOLD)
    begin = timeline.begin_of(3)
    assert begin is not None
    position = timeline.position(begin)
    assert (position.cycle, position.phase, position.step) == (3, Phase.MONITOR, begin)
    assert position.last_cycle == max(timeline.cycles)
    assert position.at_s <= position.end_s == timeline.end_s
    assert timeline.position(0).cycle is None


def test_nothing_can_be_played_of_nothing() -> None:
    timeline = Timeline(())
    assert timeline.state_at(7) == State()
    assert timeline.started is None
    assert [timeline.after(stop, 0) for stop in Stop] == [None] * len(Stop)
    assert timeline.position(0).end_s == 0.0


def test_building_tells_how_far_it_is() -> None:
    told: list[tuple[int, int]] = []
    events = TOLD * 20
    Timeline(events, lambda done, of: told.append((done, of)))
    assert told[-1] == (len(events), len(events))
    assert told == sorted(told)
    assert len(told) > 1


def state_hash(state: State) -> str:
    return Fingerprints().of(state)


def hashes(events: Sequence[Event]) -> list[str]:
    return [state_hash(fold(events[:step])) for step in range(len(events) + 1)]


def test_states_that_differ_have_other_hashes_and_equal_ones_the_same() -> None:
    found = hashes(TOLD)
    states = [fold(TOLD[:step]) for step in range(len(TOLD) + 1)]
    for one, other, before, after in zip(found, found[1:], states, states[1:], strict=False):
        assert (one == other) is (before == after)


def test_a_hash_is_the_same_in_every_process_and_for_equal_numbers() -> None:
    started = next(event for event in TOLD if isinstance(event, RunStarted))
    seen = next(event for event in TOLD if isinstance(event, Observed))
    assert state_hash(State()) == EMPTY
    for value in (2, 2.0):
        state = State(started=started, observation=seen.observation, now_s=value)
        assert state_hash(state) == state_hash(
            State(started=started, observation=seen.observation, now_s=2.0)
        )
    assert state_hash(State(now_s=2.5)) != state_hash(State(now_s=2.0))


EMPTY = "300759c5f47250a1d1771c6da80e2579"
"""Written down once: another process must find the same."""
