"""A waiting plan is a review: the loop goes on looking, and plans again when the present has changed."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from marskit.domain.actions import Scale
from marskit.domain.commands import (
    Act,
    Approve,
    CommandError,
    Reject,
    Replan,
    Run,
    SetLoadFactor,
    SetMode,
    StepCycle,
)
from marskit.domain.events import Observed
from marskit.domain.loop_events import ApprovalAwaited, CycleCompleted, LookedAgain, PlanDecided, Replanned
from marskit.domain.records import Mode, Outcome
from tests.controller.conftest import Rig
from tests.fakes import FakePlanner

MakeRig = Callable[..., Rig]
pytestmark = pytest.mark.looptime

GROW = Scale("payments", 3)
MORE = Scale("payments", 4)


@pytest.fixture
def waiting(make_rig: MakeRig) -> Callable[..., Rig]:
    def make(*script: tuple[Scale, ...]) -> Rig:
        return make_rig(mode=Mode.APPROVE, planner=FakePlanner(list(script)))

    return make


async def settled(rig: Rig) -> Rig:
    """With a whole window behind it, so that the load does not seem to move."""
    await rig.start()
    await asyncio.sleep(10.0)
    await rig.do(StepCycle())
    return rig


async def test_the_loop_looks_once_a_period_while_a_plan_waits(waiting: Callable[..., Rig]) -> None:
    rig = await settled(waiting((GROW,)))
    await asyncio.sleep(20.0)
    looks = rig.of(LookedAgain)
    assert 9 <= len(looks) <= 10
    assert {look.cycle for look in looks} == {1}
    assert len(rig.of(Observed)) >= 60
    assert rig.of(Replanned) == []
    assert rig.state.cycle is not None
    assert rig.state.cycle.present == looks[-1].diagnosis
    (awaited,) = rig.of(ApprovalAwaited)
    assert [draft.command for draft in awaited.drafts] == ["kubectl scale payments to 3"]
    assert "+scale payments to 3" in awaited.drafts[0].diff


async def test_it_plans_again_when_the_load_moved_by_half(waiting: Callable[..., Rig]) -> None:
    rig = await settled(waiting((GROW,), (MORE,), (MORE,), (MORE,), (MORE,)))
    await rig.do(SetLoadFactor(3.0))
    await asyncio.sleep(10.0)
    first, *later = rig.of(Replanned)
    assert first.reason.startswith("the load went from 20 to ")
    assert (first.replaced.actions, first.plan.actions, first.revision) == ((GROW,), (MORE,), 2)
    times = [event.at_s for event in (first, *later)]
    assert all(after - before >= rig.period_s for before, after in pairwise(times))
    assert rig.state.cycle is not None
    assert (rig.state.cycle.awaiting_approval, rig.state.cycle.revision) == (True, 1 + len(times))
    await asyncio.sleep(20.0)
    assert len(rig.of(Replanned)) == len(times)


async def test_small_changes_of_the_load_are_no_reason(waiting: Callable[..., Rig]) -> None:
    rig = await settled(waiting((GROW,), (MORE,)))
    await rig.do(SetLoadFactor(1.25))
    await asyncio.sleep(20.0)
    assert rig.of(Replanned) == []


async def test_it_plans_again_when_a_person_changed_the_mesh(waiting: Callable[..., Rig]) -> None:
    rig = await settled(waiting((GROW,), (MORE,)))
    await rig.do(Act(Scale("orders", 3)))
    await asyncio.sleep(4.0)
    (replanned,) = rig.of(Replanned)
    assert replanned.reason == "the replicas of orders changed"


async def test_it_plans_again_when_an_objective_is_violated(waiting: Callable[..., Rig]) -> None:
    rig = await settled(waiting((GROW,), (MORE,), (MORE,), (MORE,)))
    rig.mesh.capacity_requests_per_s = 5.0
    await asyncio.sleep(20.0)
    reasons = [event.reason for event in rig.of(Replanned)]
    assert "an SLO is violated" in reasons


async def test_a_plan_that_was_replaced_cannot_be_approved(waiting: Callable[..., Rig]) -> None:
    rig = await settled(waiting((GROW,), (MORE,)))
    await rig.do(Replan())
    (replanned,) = rig.of(Replanned)
    assert replanned.reason == "a person asked for it"
    for decide in (Approve(1, 1), Reject(1, 1), Approve(2, 2), Approve(1, 3)):
        with pytest.raises(CommandError, match=r"^Plan \d of cycle \d is no longer the one that awaits"):
            await rig.do(decide)
    assert not rig.state.executions
    await rig.do(Approve(1, 2))
    (execution,) = rig.state.executions
    assert (execution.action, execution.outcome) == (MORE, Outcome.APPLIED)
    (cycle,) = rig.knowledge.cycles
    assert cycle.plan == replanned.plan
    assert cycle.observation == replanned.observation


async def test_a_verdict_on_what_is_shown_counts_while_another_is_made(
    waiting: Callable[..., Rig],
) -> None:
    rig = waiting((GROW,), (MORE,))
    await settled(rig)
    asked: list[None] = []

    def approve_meanwhile() -> None:
        asked.append(None)
        rig.controller._approval.decide(1, 1, approved=True)

    rig.planner.on_plan = approve_meanwhile
    await rig.do(Replan())
    assert asked
    assert rig.of(Replanned) == []
    assert [e.action for e in rig.state.executions] == [GROW]


async def test_a_plan_that_is_no_longer_needed_awaits_nobody(waiting: Callable[..., Rig]) -> None:
    rig = await settled(waiting((GROW,), ()))
    await rig.do(Replan())
    (replanned,) = rig.of(Replanned)
    assert replanned.plan.actions == ()
    assert rig.state.cycles_done == 1
    assert not rig.state.executions
    with pytest.raises(CommandError, match=r"^No plan is awaiting approval\.$"):
        await rig.do(Replan())


async def test_who_decided_is_told(waiting: Callable[..., Rig]) -> None:
    rig = await settled(waiting((GROW,), (Scale("orders", 3),), (Scale("orders", 4),)))
    await rig.do(Approve(1, 1), StepCycle())
    cycle = rig.state.cycle
    assert cycle is not None
    await rig.do(Reject(cycle.id, cycle.revision), StepCycle(), SetMode(Mode.AUTO))
    told = [(e.cycle, e.approved, e.by_person, e.reason) for e in rig.of(PlanDecided)]
    assert told[0] == (1, True, True, "")
    assert told[1] == (2, False, True, "a person rejected it")
    assert told[2:] == [] or told[2][1:3] == (False, False)


async def test_a_run_goes_on_after_a_review(waiting: Callable[..., Rig]) -> None:
    rig = waiting((GROW,))
    await rig.start()
    await asyncio.sleep(10.0)
    await rig.do(Run(3))
    await asyncio.sleep(7.0)
    await rig.do(Approve(1, 1))
    await asyncio.sleep(20.0)
    assert [event.cycle.id for event in rig.of(CycleCompleted)] == [1, 2, 3]
    assert not rig.state.running


async def test_nothing_is_planned_again_on_old_telemetry(waiting: Callable[..., Rig]) -> None:
    rig = await settled(waiting((GROW,), (MORE,)))
    rig.mesh.fail_sample = RuntimeError("no answer")
    await asyncio.sleep(20.0)
    assert rig.of(Replanned) == []
    assert rig.state.cycle is not None
    assert rig.state.cycle.present is not None
    assert rig.state.cycle.present.unknown is not None
    assert replace(rig.state.cycle, present=None).awaiting_approval
