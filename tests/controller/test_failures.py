import asyncio
from collections.abc import Callable

import pytest

from marskit.domain.actions import Scale
from marskit.domain.commands import Run, StepCycle
from marskit.domain.events import Event, Noticed, Observed, RunEnded, TelemetryLost
from marskit.domain.loop_events import CycleCompleted, CycleNotStored
from marskit.domain.state import fold
from marskit.load.port import LoadError
from marskit.mesh.port import MeshError
from tests.controller.conftest import Rig
from tests.fakes import FakePlanner

MakeRig = Callable[..., Rig]
pytestmark = pytest.mark.looptime


async def test_the_published_events_fold_to_the_state(make_rig: MakeRig) -> None:
    rig = await make_rig().start()
    await rig.do(Run())
    await asyncio.sleep(20)
    await rig.stop()
    assert fold(rig.events) == rig.state


async def test_a_failing_sink_is_told_once_and_stops_nothing(make_rig: MakeRig) -> None:
    rig = await make_rig().start()

    def broken(event: Event) -> None:
        raise RuntimeError("no room")

    rig.controller.bus.subscribe(broken)
    late: list[Event] = []
    rig.controller.bus.subscribe(late.append)
    await rig.do(StepCycle(), StepCycle())
    assert rig.state.cycles_done == 2
    assert rig.notices == ["A sink of events failed: RuntimeError: no room."]
    assert late == rig.events[-len(late) :]


async def test_a_sink_that_was_unsubscribed_hears_nothing(make_rig: MakeRig) -> None:
    rig = await make_rig().start()
    heard: list[Event] = []
    rig.controller.bus.subscribe(heard.append)
    rig.controller.bus.unsubscribe(heard.append)
    await rig.do(StepCycle())
    assert heard == []


async def test_a_failing_reading_is_told_once_and_telemetry_recovers(make_rig: MakeRig) -> None:
    rig = await make_rig().start()
    rig.mesh.fail_sample = OSError("connection refused")
    await asyncio.sleep(5)
    rig.mesh.fail_sample = None
    before = len(rig.of(Observed))
    await asyncio.sleep(5)
    assert len(rig.of(Observed)) == before + 10
    rig.mesh.fail_sample = OSError("connection refused")
    await asyncio.sleep(5)
    assert rig.notices == ["The mesh could not be read: connection refused."] * 2


async def test_a_failing_load_reading_leaves_the_mesh_readable(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.load.fail_sample = OSError("connection refused")
    await rig.start()
    await asyncio.sleep(5)
    assert rig.notices == ["The load could not be read: connection refused."]
    assert rig.state.observation is not None
    assert rig.state.observation.load is None


@pytest.mark.parametrize(("failing", "told"), [(1.0, 1), (0.3, 0)])
async def test_a_load_that_the_mesh_does_not_know_is_told_once(
    make_rig: MakeRig, failing: float, told: int
) -> None:
    rig = make_rig()
    rig.load.failing = failing
    await rig.start()
    await asyncio.sleep(4)
    assert rig.notices == []
    await asyncio.sleep(20)
    assert len(rig.notices) == told
    assert all("Check that the gateway routes these paths." in notice for notice in rig.notices)


async def test_a_cycle_that_is_being_stored_at_the_end_is_published(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.knowledge.append_s = 1.0
    await rig.start()
    await rig.do(StepCycle())
    assert (rig.state.cycles_done, rig.knowledge.cycles) == (0, [])
    await rig.stop()
    assert len(rig.knowledge.cycles) == 1
    assert [event.cycle for event in rig.of(CycleCompleted)] == rig.knowledge.cycles
    assert isinstance(rig.events[-1], RunEnded)


async def test_failing_knowledge_is_told_once_and_stops_nothing(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.knowledge.fail_open = OSError("read-only file system")
    rig.knowledge.fail_append = OSError("no space left on device")
    await rig.start()
    await rig.do(StepCycle(), StepCycle())
    assert rig.state.cycles_done == 2
    assert rig.notices == [
        "The recording could not be opened: read-only file system.",
    ]
    (told,) = rig.of(CycleNotStored)
    assert (told.cycle, told.sentence) == (1, "Cycle 1 could not be stored: no space left on device.")


async def test_what_knowledge_let_go_is_told_once(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.knowledge.let_go = "Storing failed for a while, so the oldest 3 events were discarded."
    await rig.start()
    await rig.do(StepCycle(), StepCycle())
    assert rig.notices == ["Storing failed for a while, so the oldest 3 events were discarded."]
    # Knowledge hears of it after the cycle that it stored.
    kinds = [type(event) for event in rig.events if isinstance(event, CycleCompleted | Noticed)]
    assert kinds == [CycleCompleted, Noticed, CycleCompleted]


async def test_a_failing_planner_gives_an_empty_plan_that_says_why(make_rig: MakeRig) -> None:
    rig = await make_rig(planner=FakePlanner([ZeroDivisionError("division by zero")])).start()
    await rig.do(StepCycle(), StepCycle())
    failed, worked = rig.knowledge.cycles
    assert failed.plan.reason.startswith(
        "The planner scripted failed with ZeroDivisionError: division by zero (tests/fakes.py, line "
    )
    assert failed.plan.actions == ()
    assert worked.plan.reason == "the test says so"
    assert rig.notices == [failed.plan.reason]


@pytest.mark.parametrize("part", ["mesh", "preparation", "load"])
async def test_a_failing_start_ends_the_run_with_its_reason(make_rig: MakeRig, part: str) -> None:
    rig = make_rig()
    rig.mesh.fail_start = MeshError("The mesh was not found.") if part == "mesh" else None
    rig.load.fail_prepare = LoadError("The preparation was not found.") if part == "preparation" else None
    rig.load.fail_start = LoadError("The load was not found.") if part == "load" else None
    await rig.build().run()
    assert rig.state.ended is not None
    assert rig.state.ended.reason == f"The {part} was not found."
    assert rig.calls[-3:] == ["load.stop", "mesh.stop", "knowledge.close"]
    assert isinstance(rig.events[-1], RunEnded)


async def test_everything_ends_in_order_and_the_end_comes_last(make_rig: MakeRig) -> None:
    rig = await make_rig().start()
    rig.mesh.fail_stop = OSError("no such process")
    await rig.do(Run())
    await rig.stop()
    assert rig.calls[:3] == ["mesh.start", "load.prepare", "load.start"]
    assert rig.calls[3:] == ["load.stop", "mesh.stop", "knowledge.close"]
    assert [type(event) for event in rig.events[-2:]] == [Noticed, RunEnded]
    assert rig.state.ended is not None
    assert rig.state.ended.reason is None
    count = len(rig.events)
    await asyncio.sleep(10)
    assert len(rig.events) == count


async def test_a_second_cancellation_does_not_cut_the_end_short(make_rig: MakeRig) -> None:
    rig = make_rig()
    task = asyncio.create_task(rig.build().run())
    await asyncio.sleep(1)

    async def slow_stop() -> None:
        await asyncio.sleep(5)
        rig.calls.append("mesh.stop")

    rig.mesh.stop = slow_stop  # type: ignore[method-assign] # a slow end is what is tested
    task.cancel()
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert rig.calls[-3:] == ["load.stop", "mesh.stop", "knowledge.close"]


async def test_a_fault_of_our_own_ends_the_run_and_says_so(
    make_rig: MakeRig, caplog: pytest.LogCaptureFixture
) -> None:
    rig = await make_rig().start()
    rig.mesh.configuration = None  # type: ignore[assignment] # what no adapter should do
    await rig.do(StepCycle())
    assert rig.state.ended is not None
    assert str(rig.state.ended.reason).startswith("Internal error: ")
    assert "Traceback" in caplog.text


@pytest.mark.parametrize("stood_still_s", [1.0, 3.0, 30.0])
async def test_a_process_that_stood_still_does_not_take_telemetry_for_dead(
    make_rig: MakeRig, stood_still_s: float
) -> None:
    rig = await make_rig(planner=FakePlanner([(Scale("payments", 4),)] * 40)).start()
    await rig.do(Run())
    for _ in range(5):
        await asyncio.sleep(3.3)
        rig.clock.charge(stood_still_s)
    await asyncio.sleep(3.0)
    assert rig.of(TelemetryLost) == []
    assert not any(cycle.diagnosis.unknown for cycle in rig.knowledge.cycles)
