"""Planners of any kind: what they raise or return ends no run and never reaches the record."""

from collections.abc import Callable
from typing import Any

import pytest

from marskit.domain.actions import Scale, SetRetries, SetTimeout, ShiftTraffic
from marskit.domain.commands import StepCycle
from marskit.domain.config import Retries
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.plan import Candidate, Plan
from marskit.planning import PlanningView
from tests.controller.conftest import Rig
from tests.fakes import FakePlanner

MakeRig = Callable[..., Rig]
pytestmark = pytest.mark.looptime


class Answers(FakePlanner):
    """Returns or raises something once, and nothing from then on."""

    answer: Any = None

    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Any:
        answer, self.answer = self.answer, Plan(self.name, (), (), "nothing")
        if isinstance(answer, BaseException):
            raise answer
        return answer


async def cycles(make_rig: MakeRig, answer: object) -> tuple[Plan, Rig]:
    """The plan of the first of two cycles."""
    planner = Answers()
    planner.answer = answer
    rig = await make_rig(planner=planner).start()
    await rig.do(StepCycle(), StepCycle())
    first, second = rig.knowledge.cycles
    assert second.plan.reason == "nothing"
    return first.plan, rig


@pytest.mark.parametrize("error", [SystemExit(0), KeyboardInterrupt(), GeneratorExit(), ValueError("no")])
async def test_whatever_a_planner_raises_the_run_goes_on(make_rig: MakeRig, error: BaseException) -> None:
    plan, rig = await cycles(make_rig, error)
    assert plan.reason.startswith(f"The planner scripted failed with {type(error).__name__}")
    assert "test_planners.py, line " in plan.reason
    assert rig.notices == [plan.reason]


def proposes(*actions: Any) -> Plan:
    return Plan("scripted", (Candidate(actions, "why"),), actions, "why")


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("scale", "returned a str; it must return a Plan"),
        (None, "returned a NoneType; it must return a Plan"),
        (Plan("scripted", "abc", (), "why"), "returned a plan with a wrong field"),  # type: ignore[arg-type]
        (Plan("scripted", (), (), 3), "cannot be recorded: Plan, at reason: found 3"),  # type: ignore[arg-type]
        (proposes(Scale("payments", 2.5)), "found 2.5, expected a whole number"),  # type: ignore[arg-type]
        (proposes(Scale("payments", 10**30)), "returned a plan with a wrong field"),
        (
            Plan("scripted", (Candidate((), "why", float("inf")),), (), ""),
            "gave a candidate the score inf",
        ),
        (
            Plan("scripted", (Candidate((), "why"),) * 501, (), ""),
            "gave 501 candidates; at most 500 are allowed",
        ),
        (Plan("scripted", (), (), "x" * 4001), "gave a reason of 4001 characters; at most 4000 are allowed"),
        (proposes(*[Scale("payments", 3)] * 101), "proposed 101 actions at once; at most 100 are allowed"),
        (
            proposes(Scale("nowhere", 3)),
            "proposed to scale nowhere; the workloads are orders, payments",
        ),
        (
            proposes(ShiftTraffic("orders", 7, ())),
            "to change the route orders[7]; the routes are orders[0], payments",
        ),
        (
            proposes(ShiftTraffic("recommendations", 0, (("food", 50), ("folk", 50)))),
            "weights for food, folk of recommendations[0], which splits between food, music",
        ),
        (proposes(SetTimeout("orders", 0, -5)), "a timeout of -5 ms; it must be from 1 to"),
        (
            proposes(SetRetries("orders", 0, Retries(10**6))),
            "proposed 1000000 retries; the number must be from 0 to 100",
        ),
    ],
)
async def test_what_is_no_plan_for_this_mesh_is_not_recorded(
    make_rig: MakeRig, answer: object, sentence: str
) -> None:
    plan, rig = await cycles(make_rig, answer)
    assert plan.reason.startswith("The planner scripted ")
    assert sentence in plan.reason
    assert (plan.candidates, plan.proposed, plan.actions) == ((), (), ())
    assert rig.notices == [plan.reason]
