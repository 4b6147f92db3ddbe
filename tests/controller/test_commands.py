import asyncio
from collections.abc import Callable

import pytest

from marskit.domain.commands import (
    Command,
    CommandError,
    Inject,
    Reject,
    SetLoadFactor,
    SetPlanner,
    SetScenario,
    StepCycle,
)
from marskit.domain.events import FaultInjected, ScenarioChanged
from marskit.domain.faults import KillReplica, SlowDown
from marskit.domain.loop_events import PlannerChanged
from tests.controller.conftest import Rig
from tests.fakes import SPIKE

MakeRig = Callable[..., Rig]
pytestmark = pytest.mark.looptime


async def test_another_planner_decides_from_the_next_plan_on(make_rig: MakeRig) -> None:
    rig = await make_rig().start()
    await rig.do(StepCycle(), SetPlanner("other"), StepCycle())
    assert [cycle.planner for cycle in rig.knowledge.cycles] == ["scripted", "other"]
    assert rig.other.seeds == [7]
    await rig.do(SetPlanner("other"))
    assert len(rig.of(PlannerChanged)) == 1


async def test_faults_reach_the_mesh(make_rig: MakeRig) -> None:
    rig = await make_rig().start()
    await rig.do(Inject(SlowDown("orders", 3.0)))
    assert rig.mesh.faults == [SlowDown("orders", 3.0)]
    assert rig.state.faults == (SlowDown("orders", 3.0),)
    await rig.do(StepCycle(), StepCycle())
    assert rig.knowledge.incidents == rig.of(FaultInjected)


async def test_the_load_can_be_changed(make_rig: MakeRig) -> None:
    rig = await make_rig().start()
    await rig.do(SetLoadFactor(3.0), SetScenario("spike"))
    assert (rig.load.factor, rig.load.scenario) == (3.0, SPIKE)
    assert rig.state.started is not None
    assert rig.state.started.scenario == SPIKE


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (SetPlanner("oracle"), "Unknown planner 'oracle'."),
        (SetPlanner("foreign"), "foreign is for another mesh."),
        (SetScenario("calm"), "Unknown scenario 'calm'; choose one of steady, spike."),
        (SetLoadFactor(0.0), "The load factor must be above 0, not 0."),
        (
            Inject(KillReplica("nowhere")),
            "'nowhere' is not a workload; choose one of orders, payments, recommendations-food, "
            "recommendations-music.",
        ),
        (Reject(1, 1), "No plan is awaiting approval."),
    ],
)
async def test_what_cannot_be_done_is_refused_in_one_sentence(
    make_rig: MakeRig, command: Command, sentence: str
) -> None:
    rig = await make_rig().start()
    before = len(rig.of(FaultInjected) + rig.of(ScenarioChanged) + rig.of(PlannerChanged))
    with pytest.raises(CommandError) as caught:
        await rig.do(command)
    assert str(caught.value) == sentence
    assert len(rig.of(FaultInjected) + rig.of(ScenarioChanged) + rig.of(PlannerChanged)) == before


async def test_commands_before_the_mesh_is_up_and_after_the_end_are_refused(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.mesh.start_s = 5.0
    controller = rig.build()
    with pytest.raises(CommandError, match="The run has not started yet"):
        await controller.handle(StepCycle())
    await rig.start()
    with pytest.raises(CommandError, match="The mesh has not started yet"):
        await rig.do(SetLoadFactor(2.0))
    await rig.stop()
    with pytest.raises(CommandError, match="The run has ended"):
        await rig.do(StepCycle())


async def test_a_step_asked_for_early_happens_when_the_mesh_is_up(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.mesh.start_s = 5.0
    await rig.start()
    await rig.do(StepCycle())
    assert rig.state.cycles_done == 0
    await asyncio.sleep(6)
    assert rig.state.cycles_done == 1
