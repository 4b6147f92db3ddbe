"""Planners that know the twin: the demand rule, looking ahead, and the oracle."""

import re

import pytest

from marskit.agents.demand import Demand
from marskit.agents.lookahead import Lookahead
from marskit.agents.oracle import Oracle
from marskit.domain.actions import Scale
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.goals import Utility
from marskit.domain.plan import Plan
from tests.agents.context import PERIOD_S, SPEED, calibrated_demo, demo_goals, quiet_view, view_at

NO_DIAGNOSIS = Diagnosis((), (), None, Utility(0, 0, 0, 0, 0), "")


def lookahead() -> Lookahead:
    return Lookahead(calibrated_demo(), demo_goals(), period_s=PERIOD_S, speed=SPEED)


def replicas(plan: Plan, workload: str, now: int = 2) -> int:
    return next((a.replicas for a in plan.proposed if isinstance(a, Scale) and a.workload == workload), now)


@pytest.mark.parametrize(("rate", "wanted"), [(20.0, 1), (60.0, 2), (110.0, 4), (500.0, 6)])
def test_demand_follows_the_load_at_the_gateway(rate: float, wanted: int) -> None:
    # A request keeps payments' workers busy for 0.9 * 40 ms; two of them are a replica, 65 % the aim.
    plan = Demand(calibrated_demo()).plan(NO_DIAGNOSIS, view_at(rate))
    assert replicas(plan, "payments") == wanted


def test_demand_is_not_misled_by_a_queue_that_holds_others_back() -> None:
    # Payments are overloaded and busy to the last; the load, not the utilisation, says how many it takes.
    view = view_at(130.0, utilisation={"payments": 1.0}, queued={"payments": 80.0})
    assert replicas(Demand(calibrated_demo()).plan(NO_DIAGNOSIS, view), "payments") == 4


def test_demand_does_not_scale_for_noise() -> None:
    model = calibrated_demo()
    exact = 0.65 * 2 * model.station("payments").capacity_per_s / model.visits()["payments"]
    for rate in (0.99 * exact, 1.01 * exact):
        assert replicas(Demand(model).plan(NO_DIAGNOSIS, view_at(rate)), "payments") == 2


def test_lookahead_scales_up_what_the_load_will_overload() -> None:
    plan = lookahead().plan(NO_DIAGNOSIS, view_at(110.0))
    assert replicas(plan, "payments") >= 3
    assert re.match(r"Of \d+ joint actions this one has the highest predicted utility", plan.reason)
    assert plan.reason.count("joint actions") == plan.reason.count("for doing nothing") == 1


def test_lookahead_gives_back_what_nobody_needs() -> None:
    plan = lookahead().plan(NO_DIAGNOSIS, view_at(15.0))
    assert replicas(plan, "payments") == 1


def test_lookahead_knows_that_a_load_that_rises_is_higher_by_now() -> None:
    flat, rising = lookahead(), lookahead()
    rising.plan(NO_DIAGNOSIS, view_at(30.0, now_s=10.0))
    plans = [planner.plan(NO_DIAGNOSIS, view_at(80.0, now_s=12.0)) for planner in (flat, rising)]
    assert [plan.reason.rsplit("Expected load: ", 1)[1] for plan in plans] == [
        "80 requests per second.",
        "105 requests per second.",
    ]
    assert replicas(plans[1], "payments") > replicas(plans[0], "payments")


def test_lookahead_tells_what_it_tried_and_what_doing_nothing_would_give() -> None:
    plan = lookahead().plan(NO_DIAGNOSIS, view_at(110.0))
    scores = [candidate.score for candidate in plan.candidates]
    assert all(score is not None for score in scores)
    assert scores[0] == max(score for score in scores if score is not None)
    assert plan.candidates[0].actions == plan.proposed
    assert any(not candidate.actions for candidate in plan.candidates)
    assert all("Predicted" in c.reason or "predicted" in c.reason for c in plan.candidates)


def test_lookahead_plans_the_same_for_the_same_view() -> None:
    assert lookahead().plan(NO_DIAGNOSIS, view_at(90.0)) == lookahead().plan(NO_DIAGNOSIS, view_at(90.0))


def test_lookahead_does_nothing_while_nothing_is_known() -> None:
    plan = lookahead().plan(NO_DIAGNOSIS, quiet_view())
    assert plan.proposed == ()
    assert plan.reason == "Do nothing: there has been no load yet."


def test_the_oracle_is_ready_before_the_rush() -> None:
    def rate_at(at_s: float) -> float:
        return 30.0 if at_s < 11.0 else 120.0

    oracle = Oracle(calibrated_demo(), demo_goals(), rate_at, period_s=PERIOD_S, speed=SPEED)
    view = view_at(30.0, now_s=10.0)
    assert replicas(oracle.plan(NO_DIAGNOSIS, view), "payments") >= 3
    assert replicas(lookahead().plan(NO_DIAGNOSIS, view), "payments") <= 2
