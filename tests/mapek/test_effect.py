from dataclasses import replace

import pytest

from marskit.domain.actions import Action, Scale, SetOutlierDetection, SetTimeout, ShiftTraffic
from marskit.domain.plan import Prediction
from marskit.domain.records import Effect, Execution, Origin, Outcome
from marskit.mapek.execute.effect import PendingEffect, effect, pending_effect
from tests.mapek.mesh import GOALS, INTO_ORDERS, TOPOLOGY, World


def executed(action: Action, outcome: Outcome = Outcome.APPLIED) -> Execution:
    return Execution(
        9, Origin.PLANNER, action, "", "", None, None, outcome, "", 50.0, 3, pushed_after_ms=10.0,
        effective_after_ms=500.0,
    )  # fmt: skip


def read(action: Action, before: World, after: World) -> Effect:
    return effect(
        PendingEffect(executed(action), before.observation()),
        after.observation(),
        topology=TOPOLOGY,
        goals=GOALS,
        configuration=before.configuration,
    )


def test_the_users_service_tells_what_an_inner_change_did() -> None:
    slow = World().edge(INTO_ORDERS, p95_ms=812.0, failures_per_s=4.0)
    found = read(Scale("payments", 3), slow, World().edge(INTO_ORDERS, p95_ms=190.0))
    assert (found.execution, found.service) == (9, "orders")
    assert (found.latency_p95_before_ms, found.latency_p95_after_ms) == (812.0, 190.0)
    assert (found.error_percent_before, found.error_percent_after) == (10.0, 0.0)
    assert found.sentence == (
        "p95 of orders fell from 812 ms to 190 ms after “scale payments to 3”, "
        "errors went from 10.0 % to 0.0 %."
    )


@pytest.mark.parametrize(
    ("after_ms", "words"),
    [(260.0, "rose from 200 ms to 260 ms"), (210.0, "stayed about the same, from 200 ms to 210 ms")],
)
def test_no_change_is_called_none_and_worse_is_called_worse(after_ms: float, words: str) -> None:
    found = read(
        Scale("payments", 3),
        World().edge(INTO_ORDERS, p95_ms=200.0),
        World().edge(INTO_ORDERS, p95_ms=after_ms),
    )
    assert found.sentence == f"p95 of orders {words} after “scale payments to 3”."


def test_few_requests_are_said_to_be_few() -> None:
    few = World().edge(INTO_ORDERS, p95_ms=190.0, n=12)
    assert "on only 12 requests" in read(Scale("payments", 3), World(), few).sentence
    none = World().edge(INTO_ORDERS, p95_ms=None, requests_per_s=0.0)
    assert read(Scale("payments", 3), World(), none).sentence.startswith("Too few requests to orders")


@pytest.mark.parametrize(
    "action",
    [
        ShiftTraffic("recommendations", 0, (("food", 90), ("music", 10))),
        SetTimeout("payments", 0, 100),
        SetOutlierDetection("payments", None),
    ],
)
def test_every_kind_of_action_is_traced_to_the_users(action: Action) -> None:
    assert read(action, World(), World()).service == "orders"


def test_the_effect_is_read_from_when_it_was_effective() -> None:
    before = World().observation()
    pending = pending_effect(executed(Scale("payments", 3)), before)
    assert pending is not None
    assert pending.effective_at_s == 50.5


@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.UNKNOWN, Outcome.WITHHELD])
def test_what_was_not_applied_has_no_effect_to_read(outcome: Outcome) -> None:
    assert pending_effect(executed(Scale("payments", 3), outcome), World().observation()) is None


def test_what_was_predicted_stands_beside_what_came() -> None:
    expected = Prediction(8.0, "orders", 40.0, 152.0, 0.1, 0.0, 9, 30.0)
    action, slow = Scale("payments", 3), World().edge(INTO_ORDERS, p95_ms=812.0)
    after = World().edge(INTO_ORDERS, p95_ms=140.0).observation()

    def told(prediction: Prediction) -> Effect:
        pending = PendingEffect(executed(action), slow.observation(), prediction)
        return effect(pending, after, topology=TOPOLOGY, goals=GOALS, configuration=slow.configuration)

    found = told(expected)
    assert found.sentence == (
        "p95 of orders fell from 812 ms to 140 ms after “scale payments to 3”; predicted 152 ms."
    )
    assert (found.latency_p95_predicted_ms, found.error_percent_predicted) == (152.0, 0.0)
    # Another service's prediction says nothing of this one.
    assert told(replace(expected, service="payments")).latency_p95_predicted_ms is None
