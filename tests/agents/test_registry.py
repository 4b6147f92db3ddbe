import pytest

from marskit.agents.registry import PLANNERS, UnknownPlanner, make_planner
from marskit.domain.goals import Utility
from marskit.domain.records import Diagnosis
from tests.mapek.mesh import TOPOLOGY, World


@pytest.mark.parametrize("name", PLANNERS)
def test_every_planner_goes_by_its_own_name_and_plans(name: str) -> None:
    planner = make_planner(name, TOPOLOGY)
    planner.reset(3)
    plan = planner.plan(Diagnosis((), (), None, Utility(0, 0, 0, 0, 0), ""), World().view())
    assert planner.name == plan.planner == name
    assert planner.summary.endswith(".")
    assert plan.reason
    assert plan.candidates
    assert (plan.actions, plan.shield) == ((), ()), "these are the shield's to fill in"


def test_two_planners_of_one_name_share_nothing() -> None:
    assert make_planner("hpa", TOPOLOGY) is not make_planner("hpa", TOPOLOGY)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownPlanner, match=r"no planner 'magic'; choose one of static, threshold, hpa\."):
        make_planner("magic", TOPOLOGY)
