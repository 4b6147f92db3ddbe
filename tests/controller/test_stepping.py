import asyncio
import time
from collections.abc import Callable

import pytest

from marskit.domain.actions import Scale
from marskit.domain.commands import Pause, Run, StepCycle, StepPhase
from marskit.domain.events import Observed
from marskit.domain.loop_events import CycleCompleted, PhaseStarted, RunningChanged
from marskit.domain.records import Phase
from tests.controller.conftest import Rig
from tests.fakes import FakePlanner

MakeRig = Callable[..., Rig]
pytestmark = pytest.mark.looptime


async def test_nothing_turns_until_told_but_telemetry_goes_on(make_rig: MakeRig) -> None:
    rig = await make_rig().start()
    await asyncio.sleep(10)
    assert rig.of(PhaseStarted) == []
    assert len(rig.of(Observed)) == 21


async def test_a_step_does_one_phase(make_rig: MakeRig) -> None:
    rig = await make_rig().start()
    seen = []
    for _ in range(6):
        await rig.do(StepPhase())
        assert rig.state.cycle is not None
        assert rig.state.cycle.phase_done
        seen.append((rig.state.cycle.id, rig.state.cycle.phase))
    assert seen == [*((1, phase) for phase in Phase), (2, Phase.MONITOR)]
    assert rig.state.cycles_done == 1


async def test_steps_asked_for_while_a_phase_is_under_way_do_not_add_up(make_rig: MakeRig) -> None:
    rig = await make_rig(planner=FakePlanner([(Scale("payments", 3),)])).start()
    rig.mesh.execute_s = 5.0
    await rig.do(StepPhase(), StepPhase(), StepPhase(), StepPhase())
    await rig.do(StepPhase(), StepPhase(), StepPhase())
    await asyncio.sleep(10)
    assert [event.phase for event in rig.of(PhaseStarted)] == list(Phase)


async def test_a_step_of_a_cycle_finishes_the_one_under_way(make_rig: MakeRig) -> None:
    rig = await make_rig().start()
    await rig.do(StepPhase(), StepPhase(), StepCycle())
    assert rig.state.cycles_done == 1
    await rig.do(StepCycle())
    assert rig.state.cycles_done == 2
    await asyncio.sleep(10)
    assert rig.state.cycles_done == 2


async def test_running_turns_once_a_period(make_rig: MakeRig) -> None:
    rig = await make_rig(period_s=2.0).start()
    await rig.do(Run())
    await asyncio.sleep(10)
    starts = [event.cycle.started_at_s for event in rig.of(CycleCompleted)]
    assert starts == pytest.approx([0.1, 2.1, 4.1, 6.1, 8.1, 10.1])


async def test_pausing_stops_between_two_phases(make_rig: MakeRig) -> None:
    rig = await make_rig(planner=FakePlanner([(Scale("payments", 3),)])).start()
    rig.mesh.execute_s = 1.0
    await rig.do(Run(), Pause())
    await asyncio.sleep(10)
    assert rig.state.cycle is not None
    assert (rig.state.cycle.phase, rig.state.cycle.phase_done) == (Phase.EXECUTE, True)
    assert [event.running for event in rig.of(RunningChanged)] == [True, False]
    await rig.do(Run())
    assert rig.knowledge.cycles[0].id == 1


async def test_stepping_a_phase_while_running_pauses(make_rig: MakeRig) -> None:
    rig = await make_rig().start()
    await rig.do(Run(), StepPhase())
    assert not rig.state.running
    assert rig.state.cycle is not None
    assert (rig.state.cycle.id, rig.state.cycle.phase) == (2, Phase.MONITOR)


async def test_a_tick_is_skipped_while_a_cycle_still_runs(make_rig: MakeRig) -> None:
    rig = await make_rig(period_s=2.0, planner=FakePlanner([(Scale("payments", 3),)])).start()
    rig.mesh.execute_s = 5.0
    await rig.do(Run())
    await asyncio.sleep(10)
    starts = [event.cycle.started_at_s for event in rig.of(CycleCompleted)]
    assert starts == pytest.approx([0.1, 6.1, 8.1, 10.1])


async def test_what_happens_while_the_loop_is_paused_costs_the_cycle_nothing(make_rig: MakeRig) -> None:
    rig = await make_rig().start()
    before_s = time.thread_time()
    for _ in Phase:
        await rig.do(StepPhase())
        await asyncio.sleep(120)
    spent_ms = 1000.0 * (time.thread_time() - before_s)
    assert 0.0 < rig.knowledge.cycles[0].cpu_ms < spent_ms / 5


async def test_a_late_planner_skips_ticks_too(make_rig: MakeRig) -> None:
    rig = make_rig(period_s=2.0)
    rig.planner.on_plan = lambda: rig.clock.charge(5.0 if rig.state.cycles_done == 0 else 0.0)
    await rig.start()
    await rig.do(Run())
    await asyncio.sleep(5)
    starts = [event.cycle.started_at_s for event in rig.of(CycleCompleted)]
    assert starts == pytest.approx([0.1, 6.1, 8.1, 10.1])
