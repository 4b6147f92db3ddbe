import asyncio
from collections.abc import Callable

import pytest

from marskit.domain.actions import Scale, SetTimeout
from marskit.domain.commands import (
    Act,
    Approve,
    CommandError,
    Reject,
    Run,
    SetMode,
    SetPlanner,
    StepCycle,
    StepPhase,
    Undo,
)
from marskit.domain.events import Observed
from marskit.domain.loop_events import ApprovalAwaited, PhaseStarted
from marskit.domain.records import Mode, Origin, Outcome, Phase
from tests.controller.conftest import Rig
from tests.fakes import FakePlanner

MakeRig = Callable[..., Rig]
pytestmark = pytest.mark.looptime

GROW = Scale("payments", 3)


async def test_auto_executes(make_rig: MakeRig) -> None:
    rig = await make_rig(planner=FakePlanner([(GROW,)])).start()
    await rig.do(StepCycle())
    (execution,) = rig.state.executions
    assert execution.outcome is Outcome.APPLIED
    assert rig.mesh.configuration.replicas_of("payments") == 3
    assert rig.state.configuration == rig.mesh.configuration
    assert rig.knowledge.cycles[0].executions == (execution,)


async def test_recommend_withholds_but_shows_command_and_diff(make_rig: MakeRig) -> None:
    rig = await make_rig(mode=Mode.RECOMMEND, planner=FakePlanner([(GROW,)])).start()
    await rig.do(StepCycle())
    (execution,) = rig.state.executions
    assert execution.outcome is Outcome.WITHHELD
    assert execution.command == "kubectl scale payments to 3"
    assert "+scale payments to 3" in execution.diff
    assert rig.mesh.configuration.replicas_of("payments") == 2


async def test_approve_waits_for_a_person_while_telemetry_goes_on(make_rig: MakeRig) -> None:
    rig = await make_rig(mode=Mode.APPROVE, planner=FakePlanner([(GROW,)])).start()
    # Until the window is full: the load that it shows grows before.
    await asyncio.sleep(10)
    await rig.do(Run())
    observed = len(rig.of(Observed))
    await asyncio.sleep(20)
    assert len(rig.of(Observed)) == observed + 40
    assert rig.state.cycle is not None
    assert (rig.state.cycle.id, rig.state.cycle.awaiting_approval) == (1, True)
    assert len(rig.of(ApprovalAwaited)) == 1
    await rig.do(Approve(1, 1))
    assert rig.state.executions[0].outcome is Outcome.APPLIED
    assert rig.state.cycles_done == 1
    await asyncio.sleep(2.0)
    assert rig.state.cycles_done == 2


async def test_rejecting_drops_the_plan(make_rig: MakeRig) -> None:
    rig = await make_rig(mode=Mode.APPROVE, planner=FakePlanner([(GROW,)])).start()
    await rig.do(StepCycle(), Reject(1, 1))
    (execution,) = rig.state.executions
    assert (execution.outcome, execution.reason) == (Outcome.WITHHELD, "a person rejected it")
    assert rig.mesh.calls == ["mesh.start", "load.prepare", "load.start"]


async def test_a_plan_without_actions_waits_for_nobody(make_rig: MakeRig) -> None:
    rig = await make_rig(mode=Mode.APPROVE).start()
    await rig.do(StepCycle())
    assert rig.state.cycles_done == 1


async def test_approval_is_over_once_execute_ended(make_rig: MakeRig) -> None:
    rig = await make_rig(mode=Mode.APPROVE, planner=FakePlanner([(GROW,)])).start()
    await rig.do(*[StepPhase()] * 4, Approve(1, 1))
    assert rig.state.cycle is not None
    assert (rig.state.cycle.phase, rig.state.cycle.phase_done) == (Phase.EXECUTE, True)
    assert not rig.state.cycle.awaiting_approval


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (SetMode(Mode.AUTO), "the mode changed to auto before approval"),
        (SetPlanner("other"), "the planner changed to other before approval"),
    ],
)
async def test_a_waiting_plan_is_dropped_when_it_becomes_stale(
    make_rig: MakeRig, change: SetMode | SetPlanner, reason: str
) -> None:
    rig = await make_rig(mode=Mode.APPROVE, planner=FakePlanner([(GROW,)])).start()
    await rig.do(StepCycle(), change)
    (execution,) = rig.state.executions
    assert (execution.outcome, execution.reason) == (Outcome.WITHHELD, reason)
    assert rig.state.cycles_done == 1
    with pytest.raises(CommandError, match=r"^No plan is awaiting approval\.$"):
        await rig.do(Approve(1, 1))


async def test_stepping_is_refused_while_a_plan_waits(make_rig: MakeRig) -> None:
    rig = await make_rig(mode=Mode.APPROVE, planner=FakePlanner([(GROW,)])).start()
    await rig.do(StepCycle())
    with pytest.raises(
        CommandError, match=r"^The plan of cycle 1 is awaiting approval: approve or reject it"
    ):
        await rig.do(StepPhase())
    assert len(rig.of(PhaseStarted)) == 4


async def test_freeze_writes_nothing(make_rig: MakeRig) -> None:
    rig = await make_rig(planner=FakePlanner([(), (Scale("orders", 3),)])).start()
    await rig.do(Act(GROW), SetMode(Mode.FREEZE), StepCycle(), StepCycle())
    assert rig.state.executions[-1].outcome is Outcome.WITHHELD
    for command in (Act(Scale("payments", 4)), Undo()):
        with pytest.raises(CommandError, match="The mode is freeze"):
            await rig.do(command)
    assert rig.mesh.configuration.replicas_of("payments") == 3


@pytest.mark.parametrize("mode", [Mode.FREEZE, Mode.RECOMMEND, Mode.APPROVE])
async def test_a_new_mode_holds_between_two_actions_of_one_plan(make_rig: MakeRig, mode: Mode) -> None:
    rig = await make_rig(planner=FakePlanner([(GROW, SetTimeout("orders", 0, 1000))])).start()
    rig.mesh.execute_s = 1.0
    await rig.do(StepCycle(), SetMode(mode))
    await asyncio.sleep(5)
    assert [e.outcome for e in rig.state.executions] == [Outcome.APPLIED, Outcome.WITHHELD]
    assert rig.state.executions[1].reason == f"the mode changed to {mode}"


async def test_scalings_of_one_plan_do_not_wait_for_each_other(make_rig: MakeRig) -> None:
    rig = await make_rig(planner=FakePlanner([(GROW, Scale("orders", 3))])).start()
    rig.mesh.execute_s = 1.0
    await rig.do(StepCycle())
    await asyncio.sleep(1.1)
    first, second = rig.state.executions
    assert (first.id, second.id) == (1, 2)
    assert first.at_s == second.at_s
    assert rig.state.cycles_done == 1
    assert rig.mesh.configuration.replicas_of("orders") == 3
    assert rig.mesh.configuration.replicas_of("payments") == 3


async def test_an_approved_plan_is_carried_out_in_full_when_the_mode_becomes_auto(make_rig: MakeRig) -> None:
    rig = await make_rig(mode=Mode.APPROVE, planner=FakePlanner([(GROW, Scale("orders", 3))])).start()
    rig.mesh.execute_s = 1.0
    await rig.do(StepCycle(), Approve(1, 1), SetMode(Mode.AUTO))
    await asyncio.sleep(5)
    assert [e.outcome for e in rig.state.executions] == [Outcome.APPLIED] * 2


async def test_freezing_holds_for_what_waits_for_its_turn(make_rig: MakeRig) -> None:
    rig = await make_rig().start()
    rig.mesh.execute_s = 1.0
    first = asyncio.create_task(rig.do(Act(GROW)))
    second = asyncio.create_task(rig.do(Act(Scale("orders", 3))))
    await asyncio.sleep(0.5)
    await rig.do(SetMode(Mode.FREEZE))
    await first
    with pytest.raises(CommandError, match=r"^Scale orders to 3: the mode changed to freeze\.$"):
        await second
    assert rig.mesh.configuration.replicas_of("orders") == 2


async def test_what_became_unsafe_while_it_waited_for_approval_is_not_written(make_rig: MakeRig) -> None:
    # The period is long, so that the plan is not replaced before.
    planner = FakePlanner([(Scale("payments", 1),)])
    rig = await make_rig(mode=Mode.APPROVE, planner=planner, period_s=20.0).start()
    rig.load.factor = 0.1
    await asyncio.sleep(6)
    await rig.do(StepCycle())
    rig.load.factor = 3.0
    await asyncio.sleep(6)
    await rig.do(Approve(1, 1))
    (execution,) = rig.state.executions
    assert execution.outcome is Outcome.WITHHELD
    assert "replicas busy" in execution.reason
    assert rig.mesh.configuration.replicas_of("payments") == 2


async def test_two_undoes_at_once_walk_back_two_steps(make_rig: MakeRig) -> None:
    rig = await make_rig().start()
    await rig.do(Act(GROW), Act(Scale("orders", 3)))
    rig.mesh.execute_s = 1.0
    await asyncio.gather(rig.do(Undo()), rig.do(Undo()))
    assert rig.mesh.configuration.replicas_of("payments") == 2
    assert rig.mesh.configuration.replicas_of("orders") == 2


async def test_what_may_have_landed_can_be_undone(make_rig: MakeRig) -> None:
    rig = await make_rig().start()
    await rig.do(Act(GROW))
    rig.mesh.fail_execute = RuntimeError("no answer came")
    rig.mesh.lands_all_the_same = True
    with pytest.raises(CommandError, match="no answer came"):
        await rig.do(Act(Scale("orders", 3)))
    rig.mesh.fail_execute = None
    await rig.do(Undo())
    assert rig.mesh.configuration.replicas_of("orders") == 2
    assert rig.mesh.configuration.replicas_of("payments") == 3


async def test_what_did_not_land_after_all_does_not_hold_up_undoing(make_rig: MakeRig) -> None:
    rig = await make_rig().start()
    await rig.do(Act(GROW))
    rig.mesh.fail_execute = RuntimeError("no answer came")
    with pytest.raises(CommandError, match="no answer came"):
        await rig.do(Act(Scale("orders", 3)))
    rig.mesh.fail_execute = None
    with pytest.raises(CommandError, match="already so"):
        await rig.do(Undo())
    await rig.do(Undo())
    assert rig.mesh.configuration.replicas_of("payments") == 2


async def test_undo_walks_back_and_an_undo_can_be_undone(make_rig: MakeRig) -> None:
    rig = await make_rig().start()

    def replicas() -> tuple[int, int]:
        return rig.mesh.configuration.replicas_of("payments"), rig.mesh.configuration.replicas_of("orders")

    await rig.do(Act(GROW), Act(Scale("orders", 3)))
    await rig.do(Undo())
    assert replicas() == (3, 2)
    await rig.do(Undo())
    assert replicas() == (2, 2)
    with pytest.raises(CommandError, match="Nothing to undo"):
        await rig.do(Undo())
    await rig.do(Undo(execution=4))
    assert replicas() == (3, 2)
    await rig.do(Undo())
    assert replicas() == (2, 2)
    assert [e.origin for e in rig.state.executions] == [Origin.PERSON] * 2 + [Origin.UNDO] * 4


async def test_undoing_an_undone_redo_takes_the_action_back_again(make_rig: MakeRig) -> None:
    rig = await make_rig().start()
    await rig.do(Act(GROW), Undo(1), Undo(2), Undo(3))
    assert rig.mesh.configuration.replicas_of("payments") == 2
    with pytest.raises(CommandError, match="Execution 1 is already undone"):
        await rig.do(Undo(1))


async def test_a_persons_action_passes_the_shield(make_rig: MakeRig) -> None:
    rig = await make_rig().start()
    with pytest.raises(CommandError, match="nowhere"):
        await rig.do(Act(Scale("nowhere", 3)))
    await rig.do(Act(Scale("payments", 99)))
    (execution,) = rig.state.executions
    assert execution.action != Scale("payments", 99)
    assert execution.origin is Origin.PERSON
    assert rig.notices


async def test_what_a_person_did_is_in_the_next_cycles_record(make_rig: MakeRig) -> None:
    rig = await make_rig().start()
    await rig.do(Act(GROW), StepCycle(), StepCycle())
    assert [len(cycle.executions) for cycle in rig.knowledge.cycles] == [1, 0]


async def test_a_write_that_fails_is_told_to_the_person(make_rig: MakeRig) -> None:
    rig = await make_rig().start()
    rig.mesh.fail_execute = RuntimeError("the connection broke")
    with pytest.raises(CommandError, match=r"^Scale payments to 3: the connection broke\.$"):
        await rig.do(Act(GROW))
    assert rig.state.executions[0].outcome is Outcome.UNKNOWN


async def test_effects_are_in_the_cycle_after_a_whole_window(make_rig: MakeRig) -> None:
    rig = await make_rig(planner=FakePlanner([(GROW,)])).start()
    await rig.do(Run())
    await asyncio.sleep(12)
    told = [(cycle.id, [effect.execution for effect in cycle.effects]) for cycle in rig.knowledge.cycles]
    assert told == [(1, []), (2, []), (3, []), (4, [1]), (5, []), (6, []), (7, [])]


async def test_an_effect_is_read_off_the_window_after_it_however_long_the_loop_pauses(
    make_rig: MakeRig,
) -> None:
    rig = await make_rig().start()
    await asyncio.sleep(6)
    await rig.do(Act(GROW))
    await asyncio.sleep(10)
    rig.load.factor = 20.0
    await asyncio.sleep(10)
    await rig.do(StepCycle())
    (effect,) = rig.knowledge.cycles[0].effects
    assert effect.latency_p95_before_ms is not None
    assert effect.latency_p95_after_ms is not None
    assert effect.latency_p95_after_ms == pytest.approx(effect.latency_p95_before_ms, rel=0.1)
