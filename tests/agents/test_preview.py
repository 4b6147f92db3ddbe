"""The what-if for any planner: what is predicted, and when nothing is."""

import subprocess
import sys
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from marskit.agents.preview import TwinPredictor
from marskit.agents.static import Static
from marskit.domain.actions import Action, Scale, SetTimeout, ShiftTraffic
from marskit.domain.plan import Candidate, Plan, Prediction
from marskit.errors import UserError
from marskit.mapek.plan.predict import explain
from marskit.planning import PlanningView
from tests.agents.context import PERIOD_S, SPEED, calibrated_demo, demo_goals, quiet_view, view_at
from tests.agents.test_lookahead import NO_DIAGNOSIS, lookahead


@cache
def preview() -> TwinPredictor:
    made = TwinPredictor(
        lambda: (calibrated_demo(), {"orders": 6.2}), demo_goals(), period_s=PERIOD_S, speed=SPEED
    )
    made.load()
    return made


def predict(*actions: Action, rate: float = 110.0) -> Prediction | None:
    preview().reset()
    return preview().predict((actions,), "orders", view_at(rate))[0]


def test_more_of_the_bottleneck_is_predicted_to_help() -> None:
    nothing, more = predict(), predict(Scale("payments", 4))
    assert nothing is not None
    assert more is not None
    assert nothing.latency_p95_ms is not None
    assert more.latency_p95_ms is not None
    assert more.latency_p95_ms < 200.0 < 300.0 < nothing.latency_p95_ms
    assert (nothing.replicas, more.replicas) == (8, 10)
    assert more.utility_per_s > nothing.utility_per_s
    assert more.p95_tolerance_percent == 6.2
    assert more.requests_per_s == pytest.approx(110.0, rel=0.02)


def test_it_predicts_what_lookahead_expects() -> None:
    preview().reset()
    plan = explain(lookahead().plan(NO_DIAGNOSIS, view_at(110.0)), preview(), view_at(110.0))
    told = next(c for c in plan.candidates if not c.actions)
    assert plan.nothing is not None
    assert f"p95 {plan.nothing.latency_p95_ms:.0f} ms" in told.reason
    assert f"utility {plan.nothing.utility_per_s:.1f}" in told.reason


def test_a_shift_is_predicted_and_what_the_twin_does_not_know_is_not() -> None:
    route = next(c for c in calibrated_demo().calls if c.subsets).route
    assert route is not None
    shifted = predict(ShiftTraffic(*route, (("food", 100), ("music", 0))))
    assert shifted is not None
    assert shifted != predict()
    assert predict(SetTimeout("payments", 0, 100)) is None
    assert predict(Scale("payments", 99)) is None
    assert predict(Scale("carts", 1)) is None


def test_doing_nothing_is_predicted_for_a_planner_that_only_ever_does_that() -> None:
    view = view_at(40.0)
    plan = explain(Static().plan(NO_DIAGNOSIS, view), preview(), view)
    assert plan.prediction is not None
    assert plan.prediction == plan.nothing == plan.candidates[0].prediction
    assert plan.prediction.service == "orders"


def test_what_the_shield_left_is_predicted_beside_what_was_wanted() -> None:
    wanted, left = (Scale("payments", 6),), (Scale("payments", 3),)
    plan = Plan("threshold", (Candidate(wanted, "more"),), wanted, "more", left)
    found = explain(plan, preview(), view_at(110.0))
    assert found.prediction is not None
    assert found.candidates[0].prediction is not None
    assert (found.prediction.replicas, found.candidates[0].prediction.replicas) == (9, 12)


def seen(rate: float, *, failing: float = 0.0, **of_payments: Any) -> PlanningView:
    """A view in which this is seen of payments, and this share of its requests fails."""
    view = view_at(rate)
    workloads = tuple(
        replace(w, **of_payments) if w.workload == "payments" else w for w in view.observation.workloads
    )
    edges = tuple(
        replace(e, failures_per_s=failing * e.requests_per_s) if e.edge.workload == "payments" else e
        for e in view.observation.edges
    )
    return replace(view, observation=replace(view.observation, workloads=workloads, edges=edges))


def predict_from(view: PlanningView, *actions: Action) -> Prediction:
    preview().reset()
    (found,) = preview().predict((actions,), "orders", view)
    assert found is not None
    assert found.latency_p95_ms is not None
    return found


def test_a_service_is_taken_for_slow_only_if_its_replicas_have_been_seen_long_enough() -> None:
    # Four replicas that were 80 % busy while a third of this load came, or since a moment ago.
    four = {"replicas_ready": 4, "replicas_desired": 4, "utilisation": 0.8}
    more = Scale("payments", 4)
    slow = predict_from(seen(60.0, utilisation_s=2 * PERIOD_S, **four), more)
    new = predict_from(seen(60.0, utilisation_s=0.2 * PERIOD_S, **four), more)
    assert (new.latency_p95_ms or 0) < 200.0 < (slow.latency_p95_ms or 0)


def test_errors_go_on_unless_a_full_queue_may_have_made_them() -> None:
    broken = predict_from(seen(60.0, failing=0.3, utilisation=0.5))
    full = predict_from(seen(60.0, failing=0.3, utilisation=0.5, queued=70.0), Scale("payments", 4))
    assert broken.error_percent == pytest.approx(27.0, abs=4.0)
    assert full.error_percent < 1.0


def test_nothing_is_predicted_of_what_nobody_has_asked_yet() -> None:
    assert preview().predict(((),), "orders", quiet_view()) == (None,)


def test_a_mesh_that_has_no_twin_is_said_to_have_none() -> None:
    def none() -> None:
        raise UserError("the calls a → b → a go in a circle, which the twin does not simulate")

    made = TwinPredictor(none, demo_goals(), period_s=PERIOD_S, speed=SPEED)  # type: ignore[arg-type] # it raises
    made.load()
    assert made.unavailable == (
        "Predictions are off: the twin cannot model this mesh: the calls a → b → a go in a circle, "
        "which the twin does not simulate."
    )
    assert made.predict(((),), "orders", view_at(40.0)) == (None,)


def test_nothing_heavy_is_imported_before_it_is_loaded() -> None:
    script = (
        "import sys, marskit.agents.preview as p\n"
        "p.TwinPredictor(lambda: None, None, period_s=2.0, speed=1.0)\n"
        "print(sorted({'numba', 'numpy', 'torch'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
