"""When an effect is worse than its prediction allows."""

from dataclasses import replace

import pytest

from marskit.domain.actions import Scale
from marskit.domain.plan import Plan, Prediction
from marskit.mapek.execute.rollback_rule import complaint, tolerance
from tests.mapek.mesh import GOALS, INTO_ORDERS, World

GOOD = Prediction(8.0, "orders", 40.0, 150.0, 0.1, 0.0, 8, 30.0, 6.2)
DEAR = replace(GOOD, latency_p95_ms=900.0, slow_percent=80.0, error_percent=9.0)


def judged(
    predicted: Prediction | None, nothing: Prediction, before_ms: float, after_ms: float
) -> str | None:
    action = (Scale("payments", 1),)
    plan = Plan("p", (), action, "", action, prediction=predicted, nothing=nothing)
    before, after = (World().edge(INTO_ORDERS, p95_ms=ms).observation() for ms in (before_ms, after_ms))
    return complaint(plan, before, after, GOALS)


def test_the_tolerance_is_two_deviations_of_the_twin_and_of_the_sample() -> None:
    assert tolerance(0.0, 1900) == pytest.approx(2 * 0.1 / 2.996, rel=1e-3)
    assert tolerance(6.745, 10**9) == pytest.approx(0.2, rel=1e-3)
    assert tolerance(6.2, 40) > tolerance(6.2, 400)


def test_a_good_prediction_that_did_not_come_true_is_complained_of() -> None:
    said = judged(GOOD, GOOD, 140.0, 700.0)
    assert said is not None
    assert said.startswith(
        "After “scale payments to 1” p95 of orders rose from 140 ms to 700 ms; the prediction was 150 ms"
    )


def test_a_plan_that_was_to_miss_what_nothing_would_have_met_may_not_miss_it() -> None:
    assert judged(DEAR, GOOD, 140.0, 700.0) is not None


@pytest.mark.parametrize(
    ("predicted", "nothing", "before_ms", "after_ms"),
    [
        (GOOD, GOOD, 140.0, 290.0),  # the objective holds
        (replace(GOOD, latency_p95_ms=280.0), GOOD, 140.0, 310.0),  # within what the prediction allows
        (GOOD, DEAR, 140.0, 700.0),  # without it, worse was to come
        (GOOD, GOOD, 690.0, 700.0),  # it was so before
        (DEAR, DEAR, 690.0, 900.0),  # nobody expected better
        (replace(GOOD, p95_tolerance_percent=None), GOOD, 140.0, 700.0),  # never held against this mesh
        (replace(GOOD, requests_per_s=10.0), GOOD, 140.0, 700.0),  # more came than was expected
        (None, GOOD, 140.0, 700.0),
    ],
)
def test_what_the_prediction_allows_or_does_not_speak_of_is_left(
    predicted: Prediction | None, nothing: Prediction, before_ms: float, after_ms: float
) -> None:
    assert judged(predicted, nothing, before_ms, after_ms) is None
