"""A person may do all that a planner may: each kind of action, its dry run, and its undo."""

from collections.abc import Callable
from dataclasses import replace
from typing import get_args

import pytest

from marskit.domain.actions import (
    Action,
    Scale,
    SetOutlierDetection,
    SetRetries,
    SetTimeout,
    ShiftTraffic,
)
from marskit.domain.commands import Act, CommandError, Pause, Run, SetMode, StepPhase, Undo
from marskit.domain.config import OutlierDetection, Retries
from marskit.domain.records import Mode, Origin, Outcome
from tests.controller.conftest import Rig
from tests.fakes import CONFIGURATION

MakeRig = Callable[..., Rig]
pytestmark = pytest.mark.looptime

ACTIONS: tuple[Action, ...] = (
    Scale("payments", 3),
    ShiftTraffic("recommendations", 0, (("food", 60), ("music", 40))),
    SetTimeout("payments", 0, 800),
    SetRetries("payments", 0, Retries(2, 200, "5xx")),
    SetOutlierDetection("payments", OutlierDetection(3, 1000, 5000, 50)),
)


def test_every_kind_of_action_is_tried() -> None:
    assert {type(action) for action in ACTIONS} == set(get_args(Action))


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: type(action).__name__)
@pytest.mark.parametrize("running", [False, True], ids=["paused", "running"])
async def test_every_action_is_executed_and_undone_at_any_time(
    make_rig: MakeRig,
    action: Action,
    running: bool,  # noqa: FBT001
) -> None:
    rig = await make_rig().start()
    await rig.do(Run() if running else Pause())
    await rig.do(Act(action))
    (done,) = rig.state.executions
    assert (done.action, done.origin, done.outcome) == (action, Origin.PERSON, Outcome.APPLIED)
    assert done.diff
    assert rig.state.configuration == rig.mesh.configuration != CONFIGURATION
    await rig.do(Undo())
    assert rig.state.configuration == rig.mesh.configuration == CONFIGURATION
    undone = rig.state.executions[-1]
    assert (undone.action, undone.origin) == (done.inverse, Origin.UNDO)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: type(action).__name__)
async def test_a_dry_run_says_what_would_be_done_and_does_nothing(make_rig: MakeRig, action: Action) -> None:
    rig = await make_rig().start()
    events = len(rig.events)
    dry = rig.controller.preview(action)
    assert len(rig.events) == events
    assert rig.mesh.configuration == CONFIGURATION
    await rig.do(Act(action))
    (done,) = rig.state.executions
    assert (dry.action, dry.command, dry.diff) == (done.action, done.command, done.diff)
    assert dry.inverse_command == done.inverse_command


async def test_the_shield_is_in_the_dry_run_as_in_the_act(make_rig: MakeRig) -> None:
    rig = await make_rig().start()
    too_far = ShiftTraffic("recommendations", 0, (("food", 0), ("music", 100)))
    rig.mesh.configuration = replace(
        CONFIGURATION,
        routes=tuple(
            replace(
                route,
                destinations=tuple(
                    replace(d, weight_percent=100 if d.subset == "food" else 0) for d in route.destinations
                ),
            )
            if len(route.destinations) > 1
            else route
            for route in CONFIGURATION.routes
        ),
    )
    dry = rig.controller.preview(too_far)
    assert dry.action == ShiftTraffic("recommendations", 0, (("food", 50), ("music", 50)))
    assert [change.rule for change in dry.changes] == ["weight step"]


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (SetTimeout("payments", 7, 800), "Route payments[7] does not exist."),
        (SetTimeout("payments", 0, None), "virtualservice/payments[0] already has this setting."),
        (SetOutlierDetection("nobody", None), "DestinationRule nobody does not exist."),
        (
            ShiftTraffic("recommendations", 0, (("food", 60), ("music", 60))),
            "Weights of recommendations must be 0 or more and add up to 100.",
        ),
    ],
)
async def test_a_refusal_is_the_same_sentence_in_both(
    make_rig: MakeRig, action: Action, sentence: str
) -> None:
    rig = await make_rig().start()
    with pytest.raises(CommandError) as previewed:
        rig.controller.preview(action)
    with pytest.raises(CommandError) as acted:
        await rig.do(Act(action))
    assert str(previewed.value) == str(acted.value) == sentence


async def test_nothing_is_previewed_that_may_not_be_written(make_rig: MakeRig) -> None:
    rig = make_rig()
    with pytest.raises(CommandError, match="The run has not started yet"):
        rig.build().preview(ACTIONS[0])
    await rig.start()
    await rig.do(StepPhase(), SetMode(Mode.FREEZE))
    with pytest.raises(CommandError, match="The mode is freeze"):
        rig.controller.preview(ACTIONS[0])
