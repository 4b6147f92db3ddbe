import threading
from collections.abc import Iterator
from queue import SimpleQueue

import pytest

from marskit.controller.runtime import Runtime
from marskit.domain.actions import Scale
from marskit.domain.commands import Act, CommandError, Run, StepCycle
from marskit.domain.events import Event, RunEnded
from marskit.domain.loop_events import CycleCompleted, RunningChanged
from marskit.domain.state import State
from marskit.errors import UserError
from marskit.mesh.port import MeshError
from marskit.timing.virtual_loop import VirtualLoop
from tests.rigs import RealTimeRig as Rig

WAIT_S = 10.0


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    runtime = Runtime()
    yield runtime
    assert runtime.stop(WAIT_S)


def wait_for(events: "SimpleQueue[Event]", kind: type[Event]) -> Event:
    while True:
        event = events.get(timeout=WAIT_S)
        if isinstance(event, kind):
            return event


def test_a_run_from_another_thread(runtime: Runtime) -> None:
    rig = Rig()
    events: SimpleQueue[Event] = SimpleQueue()
    runtime.subscribe(events.put)
    runtime.start(rig.build)
    runtime.submit(Run()).result(WAIT_S)
    for _ in range(3):
        wait_for(events, CycleCompleted)
    assert runtime.state.cycles_done >= 3
    assert rig.thread is not None
    assert rig.thread.daemon
    assert rig.thread is not threading.current_thread()
    assert runtime.stop(WAIT_S)
    assert runtime.stop(WAIT_S)
    assert not rig.thread.is_alive()
    assert rig.calls[-3:] == ["load.stop", "mesh.stop", "knowledge.close"]
    assert runtime.state.ended is not None


def test_commands_given_before_the_controller_is_built_are_carried_out(runtime: Runtime) -> None:
    rig = Rig()
    events: SimpleQueue[Event] = SimpleQueue()
    runtime.subscribe(events.put)
    runtime.start(rig.build)
    runtime.submit(StepCycle())
    wait_for(events, CycleCompleted)


def test_the_first_commands_are_carried_out_before_any_time_has_passed(runtime: Runtime) -> None:
    rig = Rig()
    events: SimpleQueue[Event] = SimpleQueue()
    runtime.subscribe(events.put)
    runtime.start(rig.build, first=(Run(),), loop_factory=VirtualLoop)
    first = wait_for(events, RunningChanged)
    assert isinstance(first, RunningChanged)
    assert (first.at_s, first.running) == (0.0, True)


def test_a_sink_ends_the_run_at_the_moment_it_says_so(runtime: Runtime) -> None:
    rig = Rig()
    events: SimpleQueue[Event] = SimpleQueue()

    def until_the_third_cycle(event: Event) -> None:
        events.put(event)
        if isinstance(event, CycleCompleted) and event.cycle.id == 3:
            runtime.end()

    runtime.subscribe(until_the_third_cycle)
    runtime.start(rig.build, first=(Run(),), loop_factory=VirtualLoop)
    ended = wait_for(events, RunEnded)
    assert isinstance(ended, RunEnded)
    assert ended.reason is None
    assert runtime.state.cycles_done == 3
    assert ended.at_s == runtime.state.cycles[-1].ended_at_s


def test_a_refused_command_fails_in_its_future(runtime: Runtime) -> None:
    rig = Rig()
    runtime.start(rig.build)
    runtime.submit(StepCycle()).result(WAIT_S)
    with pytest.raises(CommandError):
        runtime.submit(Act(Scale("nowhere", 2))).result(WAIT_S)


def test_a_dry_run_is_answered_from_another_thread(runtime: Runtime) -> None:
    with pytest.raises(CommandError, match="The run has not started yet"):
        runtime.preview(Scale("orders", 3)).result(WAIT_S)
    runtime.start(Rig().build)
    runtime.submit(StepCycle()).result(WAIT_S)
    dry = runtime.preview(Scale("orders", 3)).result(WAIT_S)
    assert (dry.action, dry.command) == (Scale("orders", 3), "kubectl scale orders to 3")
    assert runtime.state.executions == ()
    with pytest.raises(CommandError, match="nowhere is not a workload of this mesh"):
        runtime.preview(Scale("nowhere", 2)).result(WAIT_S)
    runtime.stop(WAIT_S)
    with pytest.raises(CommandError, match="The run has ended"):
        runtime.preview(Scale("orders", 3)).result(WAIT_S)


def test_commands_before_the_start_and_after_the_end_are_refused(runtime: Runtime) -> None:
    with pytest.raises(CommandError, match="The run has not started yet"):
        runtime.submit(Run()).result(WAIT_S)
    runtime.start(Rig().build)
    runtime.stop(WAIT_S)
    with pytest.raises(CommandError, match="The run has ended"):
        runtime.submit(Run()).result(WAIT_S)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (UserError("shop.yaml, line 3: no such field."), "shop.yaml, line 3: no such field."),
        (ValueError("shapes (3,) and (4,)"), "Internal error: ValueError: shapes (3,) and (4,)."),
        (KeyError("oops"), "Internal error: KeyError: 'oops'."),
    ],
)
def test_a_controller_that_cannot_be_built_ends_the_run(
    runtime: Runtime, error: Exception, reason: str
) -> None:
    rig = Rig()
    rig.fail_build = error
    events: SimpleQueue[Event] = SimpleQueue()
    runtime.subscribe(events.put)
    runtime.start(rig.build)
    assert wait_for(events, RunEnded) == RunEnded(0.0, reason)
    assert runtime.has_fault == (not isinstance(error, UserError))
    with pytest.raises(CommandError, match="The run has ended"):
        runtime.submit(Run()).result(WAIT_S)


def test_a_mesh_that_cannot_start_ends_the_run(runtime: Runtime) -> None:
    rig = Rig()
    rig.fail_start = MeshError("Envoy was not found.")
    events: SimpleQueue[Event] = SimpleQueue()
    runtime.subscribe(events.put)
    runtime.start(rig.build)
    ended = wait_for(events, RunEnded)
    assert isinstance(ended, RunEnded)
    assert ended.reason == "Envoy was not found."


def test_stopping_at_once_leaves_nothing() -> None:
    for _ in range(20):
        runtime, rig = Runtime(), Rig()
        runtime.start(rig.build)
        assert runtime.stop(WAIT_S)
        assert rig.calls.count("mesh.start") <= rig.calls.count("mesh.stop")


def test_a_runtime_that_never_started_stops(runtime: Runtime) -> None:
    assert runtime.stop(WAIT_S)
    assert runtime.state == State()


def test_every_future_ends_whenever_the_run_is_stopped() -> None:
    for _ in range(20):
        runtime = Runtime()
        runtime.start(Rig().build)
        stopper = threading.Thread(target=runtime.stop, args=(WAIT_S,))
        stopper.start()
        futures = [runtime.submit(Run()) for _ in range(50)]
        stopper.join()
        for future in futures:
            assert isinstance(future.exception(WAIT_S), CommandError | None)
