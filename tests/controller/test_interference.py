"""Changes by others: told and recorded; nothing of ours is judged by them, or undoes them."""

import asyncio
from collections.abc import Callable

import pytest

from marskit.domain.actions import Scale, SetTimeout, ShiftTraffic
from marskit.domain.commands import Act, CommandError, Run, Undo
from marskit.domain.events import ConfigurationChanged
from marskit.domain.loop_events import CycleCompleted
from marskit.domain.records import Outcome
from tests.controller.conftest import Rig
from tests.fakes import FakePlanner

pytestmark = pytest.mark.looptime


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Scale("payments", 4), Scale("payments", 3)),
        (SetTimeout("orders", 0, 500), SetTimeout("orders", 0, 900)),
        (
            ShiftTraffic("recommendations", 0, (("food", 40), ("music", 60))),
            ShiftTraffic("recommendations", 0, (("food", 90), ("music", 10))),
        ),
        (SetTimeout("orders", 0, 500), SetTimeout("orders", 0, None)),
    ],
)
@pytest.mark.parametrize("number", [None, 1])
async def test_what_others_changed_since_is_not_undone(
    make_rig: Callable[..., Rig], ours: Scale, theirs: Scale, number: int | None
) -> None:
    rig: Rig = await make_rig().start()
    await rig.do(Act(ours))
    rig.mesh.change_from_outside(theirs)
    after = rig.mesh.configuration
    with pytest.raises(CommandError, match=r"^Execution 1 cannot be undone: others changed \S+ since then"):
        await rig.controller.handle(Undo(number))
    assert rig.mesh.configuration == after == rig.state.configuration


async def test_changes_of_another_object_do_not_matter_to_undo(make_rig: Callable[..., Rig]) -> None:
    rig: Rig = await make_rig().start()
    await rig.do(Act(Scale("payments", 4)))
    rig.mesh.change_from_outside(Scale("orders", 3))
    await rig.do(Undo())
    assert rig.mesh.configuration.replicas_of("payments") == 2
    assert rig.mesh.configuration.replicas_of("orders") == 3


async def test_what_is_done_after_the_change_can_be_undone(make_rig: Callable[..., Rig]) -> None:
    rig: Rig = await make_rig().start()
    rig.mesh.change_from_outside(Scale("payments", 3))
    await rig.do(Act(Scale("payments", 5)))
    await rig.do(Undo())
    assert rig.mesh.configuration.replicas_of("payments") == 3


async def test_a_change_is_an_event_that_is_told_recorded_and_folded(make_rig: Callable[..., Rig]) -> None:
    rig: Rig = await make_rig().start()
    await rig.do(Run())
    rig.mesh.change_from_outside(Scale("payments", 3))
    await asyncio.sleep(5.0)
    (event,) = rig.of(ConfigurationChanged)
    assert event.targets == ("deployment/payments",)
    assert rig.knowledge.incidents.count(event) == 1
    assert rig.state.changes_by_others == (event,)
    assert any("somebody else" in each.sentence for each in rig.state.notices)


@pytest.mark.parametrize("disturbed", [True, False])
async def test_an_effect_across_a_change_says_so(make_rig: Callable[..., Rig], *, disturbed: bool) -> None:
    rig: Rig = await make_rig(planner=FakePlanner([(Scale("payments", 4),)])).start()
    await rig.do(Run())
    if disturbed:
        rig.mesh.change_from_outside(Scale("orders", 3))
    await asyncio.sleep(20.0)
    effects = [effect for event in rig.of(CycleCompleted) for effect in event.cycle.effects]
    executions = [e for event in rig.of(CycleCompleted) for e in event.cycle.executions]
    assert [execution.outcome for execution in executions] == [Outcome.APPLIED]
    assert [effect.disturbed_by is not None for effect in effects] == [disturbed]
    assert ("changed by others" in effects[0].sentence) is disturbed
