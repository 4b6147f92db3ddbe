"""Replicas that take requests and never answer, in both engines."""

from dataclasses import replace

import pytest

from marskit.domain.metrics import EdgeSample, WorkloadSample
from marskit.domain.topology import GATEWAY, EdgeId
from marskit.mesh.simulator.engine import Engine
from marskit.mesh.simulator.fast import FastTwin
from marskit.mesh.simulator.judge import PoissonArrivals
from marskit.mesh.simulator.model import Balancer, RetryRule, TwinModel
from marskit.mesh.simulator.requests import RequestTwin
from tests.mesh.simulator.demo import demo_model

RATE = 40.0
ENTRANCE = EdgeId(GATEWAY, "orders", "orders")
PAYMENTS = EdgeId("orders", "payments", "payments")
both = pytest.mark.parametrize("make", [RequestTwin, FastTwin])
Make = type[RequestTwin] | type[FastTwin]


def engine(make: Make, model: TwinModel | None = None) -> Engine:
    """An engine at a steady load, ten seconds old and read."""
    twin: Engine = make(model or bare(), PoissonArrivals(RATE, 3), seed=3)
    twin.advance(10.0)
    twin.read()
    return twin


def bare(**of_calls: object) -> TwinModel:
    """The demo without timeouts and retries."""
    model = demo_model()
    rule = RetryRule(0, None, on_overload=False, on_error=False, on_timeout=False)
    calls = tuple(replace(call, timeout_ms=None, retries=rule) for call in model.calls)
    return replace(model, calls=tuple(replace(call, **of_calls) for call in calls))  # type: ignore[arg-type] # fields by name


def balanced(model: TwinModel, balancer: Balancer) -> TwinModel:
    return replace(model, stations=tuple(replace(each, balancer=balancer) for each in model.stations))


def after(twin: Engine, seconds: float) -> tuple[dict[EdgeId, EdgeSample], dict[str, WorkloadSample]]:
    """The traffic of so many more seconds."""
    for _ in range(round(seconds / 0.1)):
        _now_s[id(twin)] += 0.1
        twin.advance(_now_s[id(twin)])
    edges, workloads = twin.read()
    return {each.edge: each for each in edges}, {each.workload: each for each in workloads}


def waiting_on(edge: EdgeSample) -> int:
    assert edge.in_flight is not None
    return edge.in_flight


_now_s: dict[int, float] = {}


@pytest.fixture(autouse=True)
def clocks() -> None:
    _now_s.clear()


def begun(make: Make, model: TwinModel | None = None) -> Engine:
    twin = engine(make, model)
    _now_s[id(twin)] = 10.0
    return twin


@both
def test_its_requests_get_stuck_and_those_of_the_others_are_answered(make: Make) -> None:
    twin = begun(make)
    assert twin.hang("payments")
    edges, workloads = after(twin, 10.0)
    stuck, other = workloads["payments"].replicas
    assert (stuck.answered, stuck.in_flight > 20) == (0, True)
    assert other.answered == pytest.approx(other.sent, rel=0.2)
    assert waiting_on(edges[PAYMENTS]) >= stuck.in_flight
    assert edges[PAYMENTS].failures == 0, "nobody gives up"
    assert waiting_on(edges[ENTRANCE]) >= stuck.in_flight, "their callers wait too"
    assert workloads["payments"].replicas_ready == 2, "nobody notices without a probe"
    # Two are drawn, and the emptier one is taken: only one in four requests finds the stopped one twice.
    assert stuck.sent == pytest.approx(RATE * 10.0 / 4, rel=0.35)


@both
def test_a_balancer_that_does_not_look_sends_it_its_full_share(make: Make) -> None:
    twin = begun(make, balanced(bare(), Balancer.ROUND_ROBIN))
    twin.hang("payments")
    _, workloads = after(twin, 10.0)
    stuck, _ = workloads["payments"].replicas
    assert stuck.sent == pytest.approx(RATE * 10.0 / 2, rel=0.3)


@both
def test_a_timeout_makes_failures_of_what_is_stuck(make: Make) -> None:
    twin = begun(make, bare(timeout_ms=500))
    twin.hang("payments")
    edges, workloads = after(twin, 10.0)
    assert edges[PAYMENTS].timeouts == pytest.approx(RATE * 10.0 / 4, rel=0.4)
    assert edges[PAYMENTS].failures == edges[PAYMENTS].timeouts
    assert edges[ENTRANCE].failures >= edges[PAYMENTS].failures
    assert workloads["payments"].replicas[0].answered == 0


@both
def test_what_still_waits_is_answered_when_it_continues(make: Make) -> None:
    twin = begun(make)
    twin.hang("payments")
    edges, _ = after(twin, 5.0)
    waiting = waiting_on(edges[ENTRANCE])
    twin.resume("payments")
    edges, workloads = after(twin, 5.0)
    assert edges[PAYMENTS].failures <= waiting / 2, "only what its queue has no room for"
    assert waiting_on(edges[PAYMENTS]) < waiting / 2
    longest = edges[PAYMENTS].successes_ms.quantile_ms(1.0)
    assert longest is not None
    assert longest > 4000.0, "those that waited from the beginning"
    _, workloads = after(twin, 5.0)
    assert workloads["payments"].utilisation == pytest.approx(0.4, abs=0.2)


@both
def test_a_stopped_one_is_killed_first_and_its_successor_answers(make: Make) -> None:
    twin = begun(make)
    twin.hang("payments")
    after(twin, 4.0)
    twin.kill("payments")
    edges, workloads = after(twin, 6.0)
    assert workloads["payments"].ended == 1
    assert dict(edges[PAYMENTS].response_flags or ())["UC"] > 10, "what it had not answered is cut off"
    edges, workloads = after(twin, 10.0)
    assert workloads["payments"].replicas_ready == 2
    assert edges[PAYMENTS].failures == 0
    assert waiting_on(edges[PAYMENTS]) < 10


@both
def test_all_of_a_workload_can_hang_and_no_more(make: Make) -> None:
    twin = begun(make)
    assert [twin.hang("payments") for _ in range(3)] == [True, True, False]
    after(twin, 1.0)
    edges, workloads = after(twin, 4.0)
    assert edges[PAYMENTS].requests == 0
    assert waiting_on(edges[PAYMENTS]) > 120
    assert [each.answered for each in workloads["payments"].replicas] == [0, 0]
    twin.scale("payments", 3)
    after(twin, 5.0)
    edges, workloads = after(twin, 5.0)
    assert edges[PAYMENTS].requests > 50, "a new replica answers"
    assert workloads["payments"].replicas_ready == 3


def test_a_stopped_caller_makes_no_further_call_until_it_continues() -> None:
    twin = begun(RequestTwin)
    twin.hang("orders")
    twin.hang("orders")
    after(twin, 1.0)
    edges, workloads = after(twin, 5.0)
    assert edges[PAYMENTS].requests + waiting_on(edges[PAYMENTS]) == 0
    assert waiting_on(edges[ENTRANCE]) == pytest.approx(6.0 * RATE, rel=0.25)
    assert workloads["orders"].utilisation is None, "a stopped process cannot be read"
    twin.resume("orders")
    edges, _ = after(twin, 15.0)
    assert edges[ENTRANCE].failures + edges[ENTRANCE].requests > 15.0 * RATE
    assert waiting_on(edges[ENTRANCE]) < 20


def test_killing_another_replica_leaves_nothing_in_flight_for_ever() -> None:
    """A stopped callee whose caller ends, and a stopped caller whose callee ends."""
    twin = begun(RequestTwin)
    twin.hang("payments")
    after(twin, 3.0)
    twin.kill("orders")
    twin.kill("orders")
    edges, _ = after(twin, 0.1)
    twin.kill("payments")
    after(twin, 5.0)
    edges, _ = after(twin, 5.0)
    assert waiting_on(edges[PAYMENTS]) < 10
    assert waiting_on(edges[ENTRANCE]) < 20


@both
def test_the_same_seed_gives_the_same_readings(make: Make) -> None:
    def course() -> list[object]:
        twin = begun(make)
        twin.hang("payments")
        readings: list[object] = [after(twin, 3.0)]
        twin.kill("orders")
        twin.resume("payments")
        return [*readings, after(twin, 3.0)]

    assert course() == course()
