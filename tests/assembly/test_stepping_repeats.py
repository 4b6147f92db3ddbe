"""Stepping repeats: however a run of the twin is divided into steps and pauses, its cycles are the same."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue

import pytest

from marskit.assembly.bootstrap import build
from marskit.assembly.settings import Settings
from marskit.controller.runtime import Runtime
from marskit.domain.actions import Scale
from marskit.domain.commands import (
    Act,
    Approve,
    Command,
    CommandError,
    Inject,
    Pause,
    Run,
    SetLoadFactor,
    SetMode,
    SetPace,
    SetPlanner,
    SetScenario,
    StepCycle,
    StepPhase,
    Undo,
)
from marskit.domain.events import Event, Observed, RunEnded
from marskit.domain.faults import KillReplica, SlowDown
from marskit.domain.loop_events import ApprovalAwaited, CycleCompleted, PhaseStarted, RunningChanged, TimeHeld
from marskit.domain.records import Cycle, Mode, Phase
from marskit.timing.virtual_loop import VirtualLoop

WAIT_S = 60.0
Live = Callable[..., "Screen"]


class Screen:
    """A run of the twin and the person before it, who sends commands and waits until time stands still."""

    def __init__(self, settings: Settings, pace: float | None) -> None:
        self.runtime = Runtime()
        self.events: list[Event] = []
        self._stood_still: SimpleQueue[Event] = SimpleQueue()
        self.runtime.subscribe(self._note)
        self.runtime.start(partial(build, settings), loop_factory=partial(VirtualLoop, pace))
        self.rest()

    def _note(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, RunEnded) or (isinstance(event, TimeHeld) and event.held):
            self._stood_still.put(event)

    def rest(self) -> None:
        """Wait until time stands still."""
        assert isinstance(self._stood_still.get(timeout=WAIT_S), TimeHeld)

    def do(self, *commands: Command) -> None:
        """Commands that let no cycle begin, each given once the one before it is done."""
        for command in commands:
            self.runtime.submit(command).result(WAIT_S)

    def turn(self, *commands: Command, pause_s: float = 0.0) -> None:
        """Commands that let the loop turn, each given a while after time stood still."""
        for command in commands:
            while not self._stood_still.empty():
                self._stood_still.get()
            self.runtime.submit(command).result(WAIT_S)
            self.rest()
            time.sleep(pause_s)

    @property
    def cycles(self) -> list[Cycle]:
        """The recorded cycles, without what they cost."""
        return [replace(e.cycle, cpu_ms=0.0) for e in self.events if isinstance(e, CycleCompleted)]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    screens: list[Screen] = []

    def live(pace: float | None = None, **settings: object) -> Screen:
        given = replace(Settings(mesh="twin", runs=tmp_path, seed=5), **settings)  # type: ignore[arg-type] # as given
        screens.append(Screen(given, pace))
        return screens[-1]

    yield live
    for screen in screens:
        assert screen.runtime.stop(WAIT_S)


@contextmanager
def no_processor_time(seconds: float) -> Iterator[None]:
    before_s = time.process_time()
    yield
    # A loop that waits by asking again and again would use all of it; a loaded machine uses a little.
    assert time.process_time() - before_s < 0.2 * seconds


def equal_runs(live: Live, turns: Sequence[Sequence[Command]], **settings: object) -> list[Cycle]:
    """The cycles of each way to turn, which are the same."""
    ways = []
    for commands in turns:
        screen = live(**settings)
        screen.turn(*commands)
        ways.append(screen.cycles)
        screen.runtime.stop(WAIT_S)
    for way in ways[1:]:
        assert way == ways[0]
    return ways[0]


@pytest.mark.parametrize(
    ("planner", "scenario", "period_s"),
    [
        ("threshold", "spike", None),
        ("hpa", "spike", None),
        ("lookahead", "spike", 0.7),
        ("demand", "ramp", 1.1),
    ],
)
def test_twenty_steps_are_a_run_of_twenty_and_runs_of_three_seven_and_ten(
    live: Live, planner: str, scenario: str, period_s: float | None
) -> None:
    cycles = equal_runs(
        live,
        (
            [Run(20)],
            [StepCycle()] * 20,
            [Run(3), Run(7), Run(10)],
            [StepPhase()] * 100,
            [StepPhase(), StepPhase(), StepCycle(), StepPhase(), Run(19)],
        ),
        planner=planner,
        scenario=scenario,
        period_s=period_s,
    )
    assert [cycle.id for cycle in cycles] == list(range(1, 21))
    assert any(cycle.executions for cycle in cycles)


def test_a_person_may_take_time_between_and_the_pace_may_change(live: Live) -> None:
    whole = live()
    whole.turn(Run(9))
    slow = live(pace=50.0)
    slow.turn(Run(2), StepCycle(), pause_s=0.3)
    slow.do(SetPace(200.0))
    slow.turn(*[StepPhase()] * 5, pause_s=0.05)
    slow.do(SetPace(None))
    slow.turn(Run(5))
    assert slow.cycles == whole.cycles


@pytest.mark.parametrize("by_phase", [False, True])
def test_what_a_person_does_at_a_pause_has_the_same_consequences(live: Live, by_phase: bool) -> None:  # noqa: FBT001
    step = [StepPhase()] * 5 if by_phase else [StepCycle()]

    def do(screen: Screen, turn: Callable[[Screen, int], None], pause_s: float = 0.0) -> list[Cycle]:
        turn(screen, 4)
        screen.do(Act(Scale("orders", 4)))
        time.sleep(pause_s)
        screen.do(Inject(SlowDown("payments", 2.0)), SetLoadFactor(2.0))
        turn(screen, 3)
        screen.do(Undo(), Inject(KillReplica("orders")), SetPlanner("hpa"))
        turn(screen, 3)
        screen.do(SetScenario("ramp"), SetMode(Mode.RECOMMEND))
        turn(screen, 2)
        return screen.cycles

    at_once = do(live(), lambda screen, n: screen.turn(Run(n)))
    stepped = do(live(), lambda screen, n: screen.turn(*step * n), pause_s=0.2)
    assert len(at_once) == 12
    assert stepped == at_once
    assert sum(len(cycle.executions) for cycle in at_once) >= 3


def test_what_is_done_at_the_end_of_a_cycle_of_a_run_is_what_is_done_at_a_pause_there(live: Live) -> None:
    running, paused = live(), live()
    commands = Inject(SlowDown("orders", 2.0)), SetLoadFactor(1.5), Act(Scale("payments", 3))

    def react(event: Event) -> None:
        if isinstance(event, CycleCompleted) and event.cycle.id == 5:
            for command in commands:
                running.runtime.submit(command)

    running.runtime.subscribe(react)
    running.turn(Run(12))
    paused.turn(*[StepCycle()] * 5)
    paused.do(*commands)
    paused.turn(Run(7))
    assert running.cycles == paused.cycles
    assert any(cycle.executions for cycle in paused.cycles[5:])


def test_how_soon_a_person_gives_the_next_command_makes_no_difference(live: Live) -> None:
    commands = (
        Act(Scale("payments", 3)),
        Inject(SlowDown("orders", 2.0)),
        Act(Scale("orders", 4)),
        SetLoadFactor(1.5),
        Undo(),
    )
    patient, hasty = live(), live(pace=20.0)
    for screen in (patient, hasty):
        screen.turn(Run(4))
    patient.do(*commands)
    patient.turn(Run(4))
    given = [hasty.runtime.submit(command) for command in commands]
    hasty.turn(Run(4))
    assert all(each.exception(WAIT_S) is None for each in given)
    assert patient.cycles == hasty.cycles


def test_what_is_done_within_a_stepped_cycle_repeats_whether_or_not_one_waits_for_it(live: Live) -> None:
    patient, hasty = live(), live()
    for screen in (patient, hasty):
        screen.turn(Run(4), StepPhase(), StepPhase())
    patient.do(Act(Scale("orders", 5)))
    patient.turn(StepPhase())
    acting = hasty.runtime.submit(Act(Scale("orders", 5)))
    hasty.turn(StepPhase())
    acting.result(WAIT_S)
    while hasty.runtime.state.cycle is None or hasty.runtime.state.cycle.phase is not Phase.PLAN:
        hasty.rest()
    for screen in (patient, hasty):
        screen.turn(StepCycle(), Run(3))
    assert patient.cycles == hasty.cycles
    assert [len(cycle.executions) for cycle in patient.cycles[4:5]] == [1]


@pytest.mark.parametrize("pace", [None, 1.0])
def test_a_closed_gate_holds_time_and_uses_no_processor(live: Live, pace: float | None) -> None:
    screen = live(pace=pace)
    if pace is None:
        screen.turn(Run(2), StepPhase())
    # What is compiled at the start is done in threads, during which time stands still anyway.
    screen.do(SetPace(1000.0))
    screen.turn(StepCycle())
    screen.do(SetPace(pace))
    state, told = screen.runtime.state, len(screen.events)
    assert state.held
    assert not state.running
    with no_processor_time(1.0):
        time.sleep(1.0)
    assert screen.runtime.state is state
    assert len(screen.events) == told


def approve_what_waits(screen: Screen) -> None:
    """Approve; a plan that is renewed in the same moment is not the one that was meant."""
    deadline_s = time.monotonic() + WAIT_S
    while True:
        cycle = screen.runtime.state.cycle
        assert cycle is not None
        try:
            return screen.turn(Approve(cycle.id, cycle.revision))
        except CommandError:
            assert time.monotonic() < deadline_s


def test_time_goes_on_while_a_plan_waits_for_approval(live: Live) -> None:
    screen = live(pace=200.0, mode=Mode.APPROVE)
    awaited: SimpleQueue[int] = SimpleQueue()
    screen.runtime.subscribe(
        lambda event: awaited.put(len(screen.events)) if isinstance(event, ApprovalAwaited) else None
    )
    screen.do(SetLoadFactor(4.0), Run(20))
    told = awaited.get(timeout=WAIT_S)
    deadline_s = time.monotonic() + WAIT_S
    while sum(isinstance(event, Observed) for event in screen.events[told:]) < 10:
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    assert not screen.runtime.state.held
    screen.do(Pause())
    assert not screen.runtime.state.held
    approve_what_waits(screen)
    assert screen.runtime.state.held


def test_a_pause_holds_time_at_once_even_between_two_cycles(live: Live) -> None:
    screen = live(pace=2.0, period_s=10.0)
    screen.do(Run())
    time.sleep(0.3)
    screen.turn(Pause())
    now_s = screen.runtime.state.now_s
    assert now_s < 9.0
    assert sum(isinstance(event, PhaseStarted) for event in screen.events) == len(Phase)
    time.sleep(0.2)
    assert screen.runtime.state.now_s == now_s


def test_a_run_of_n_cycles_pauses_after_the_last_of_them(live: Live) -> None:
    screen = live()
    screen.turn(Run(3))
    told = [e for e in screen.events if isinstance(e, RunningChanged | CycleCompleted)]
    assert [type(e) for e in told] == [RunningChanged, *[CycleCompleted] * 3, RunningChanged]
    assert not screen.runtime.state.running
