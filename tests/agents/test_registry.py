import pytest

from marskit.agents.policy_file import SHIPPED
from marskit.agents.registry import PLANNERS, UnknownPlanner, make_planner, parse_name
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.goals import Utility
from tests.agents.context import demo_context, quiet_view


@pytest.mark.parametrize("name", [*PLANNERS, "hpa:60", "hpa:60:120", "demand:70"])
def test_every_planner_goes_by_its_own_name_and_plans(name: str) -> None:
    planner = make_planner(name, demo_context())
    planner.reset(3)
    plan = planner.plan(Diagnosis((), (), None, Utility(0, 0, 0, 0, 0), ""), quiet_view())
    assert planner.name == plan.planner == name
    assert planner.summary.endswith(".")
    assert plan.reason
    assert plan.candidates
    assert (plan.actions, plan.shield) == ((), ()), "these are the shield's to fill in"


def test_a_policy_file_is_a_planner_by_its_name() -> None:
    name = str(SHIPPED / "demo-ppo.npz")
    assert parse_name(name) == (name, ())
    planner = make_planner(name, demo_context())
    planner.reset(3)
    assert planner.plan(Diagnosis((), (), None, Utility(0, 0, 0, 0, 0), ""), quiet_view()).planner == name


def test_two_planners_of_one_name_share_nothing() -> None:
    assert make_planner("hpa", demo_context()) is not make_planner("hpa", demo_context())


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("magic", "Unknown planner 'magic'; choose one of static, threshold, resilience, hpa"),
        ("hpa:fast", "The planner 'hpa:fast' is not understood; write hpa:TARGET_PERCENT:STABILISATION_S."),
        ("nowhere.npz", "There is no policy file nowhere.npz."),
        ("hpa:60:0:1", "is malformed"),
        ("static:3", "The planner 'static:3' is not understood; write static."),
        ("demand:0", "The planner 'demand:0' has 0, where 10 to 100 is allowed."),
    ],
)
def test_a_name_that_is_not_understood_is_refused(name: str, sentence: str) -> None:
    with pytest.raises(UnknownPlanner) as refused:
        parse_name(name)
    assert sentence in str(refused.value)
