"""The request-level engine against queueing theory, and against its own contract."""

import math
from dataclasses import replace

import pytest

from marskit.domain.metrics import EdgeSample
from marskit.domain.topology import GATEWAY, EdgeId
from marskit.mesh.simulator.engine import Engine
from marskit.mesh.simulator.fast import FastTwin
from marskit.mesh.simulator.judge import Judgement, PoissonArrivals, judge
from marskit.mesh.simulator.model import (
    NO_RETRIES,
    Balancer,
    Call,
    Distribution,
    RetryRule,
    Station,
    TwinModel,
)
from marskit.mesh.simulator.queueing import erlang_c
from marskit.mesh.simulator.requests import RequestTwin
from tests.mesh.simulator.demo import demo_model

EDGE = EdgeId(GATEWAY, "web", "web")


def single(*, workers: int = 1, replicas: int = 1, queue: int = 10_000, **station: object) -> TwinModel:
    """One station with exponential service times of 20 ms behind the gateway, no hop."""
    web = Station(
        workload="web",
        service="web",
        replicas=replicas,
        min_replicas=1,
        max_replicas=8,
        workers=workers,
        service_ms=20.0,
        service_cv=1.0,
        distribution=Distribution.EXPONENTIAL,
        queue_limit=queue,
        balancer=Balancer.LEAST_REQUEST,
        start_s=1.0,
    )
    call = Call(GATEWAY, "web", 1.0, 0.0, (("web", 100),), None)
    return TwinModel((replace(web, **station),), (call,))  # type: ignore[arg-type] # fields by name


def settled(model: TwinModel, requests_per_s: float, duration_s: float = 600.0) -> Judgement:
    return judge(model, requests_per_s, duration_s=duration_s, warm_up_s=20.0, seed=3)


def only(samples: tuple[EdgeSample, ...]) -> EdgeSample:
    (sample,) = samples
    return sample


def test_one_worker_is_an_mm1_queue() -> None:
    # Utilisation 0.6: the time in the system is exponential with mean 20 / (1 - 0.6) ms.
    seen = settled(single(), 30.0)
    assert seen.edges[EDGE].mean_ms == pytest.approx(50.0, rel=0.05)
    assert seen.users.p95_ms == pytest.approx(-50.0 * math.log(0.05), rel=0.07)
    assert seen.utilisation["web"] == pytest.approx(0.6, rel=0.03)


def test_four_workers_are_an_mm4_queue() -> None:
    seen = settled(single(workers=4), 150.0, 200.0)
    wait_ms = erlang_c(4, 0.75) * 20.0 / (4 * 0.25)
    assert seen.edges[EDGE].mean_ms == pytest.approx(20.0 + wait_ms, rel=0.04)


def test_a_bounded_queue_loses_what_the_mm1k_queue_loses() -> None:
    # One served and four waiting at utilisation 1.5: the share lost is rho^K (1 - rho) / (1 - rho^(K + 1)).
    seen = settled(single(queue=4), 75.0, 200.0)
    lost = 1.5**5 * (1 - 1.5) / (1 - 1.5**6)
    assert seen.failed_percent == pytest.approx(100 * lost, rel=0.05)


def test_the_balancer_moves_the_tail() -> None:
    p95 = {
        balancer: settled(single(replicas=4, balancer=balancer), 140.0, 300.0).users.p95_ms or 0.0
        for balancer in Balancer
    }
    assert p95[Balancer.LEAST_REQUEST] < p95[Balancer.ROUND_ROBIN] < p95[Balancer.RANDOM]


def test_a_constant_service_time_is_what_every_request_takes() -> None:
    model = single(distribution=Distribution.CONSTANT, service_cv=0.0)
    seen = settled(replace(model, calls=(replace(model.calls[0], hop_ms=4.0),)), 1.0, 300.0)
    # In bins of a millisecond.
    assert seen.users.p50_ms == pytest.approx(24.5, abs=0.6)


def test_traffic_follows_the_weights() -> None:
    model = demo_model().with_splits(("recommendations", 2), {"food": 90, "music": 10})
    twin = RequestTwin(model, PoissonArrivals(50.0, 1), seed=1)
    twin.advance(100.0)
    counts = {sample.edge.workload: sample.requests for sample in twin.read()[0]}
    share = counts["recommendations-music"] / (
        counts["recommendations-music"] + counts["recommendations-food"]
    )
    assert share == pytest.approx(0.1, abs=0.015)


def test_a_try_that_takes_too_long_is_made_again_until_time_or_tries_run_out() -> None:
    slow = single(distribution=Distribution.CONSTANT, service_cv=0.0, service_ms=100.0, workers=100)
    rule = RetryRule(2, 50, on_overload=False, on_error=False, on_timeout=True)
    model = replace(slow, calls=(replace(slow.calls[0], retries=rule),))
    twin = RequestTwin(model, PoissonArrivals(5.0, 1), seed=1)
    twin.advance(20.0)
    sample = only(twin.read()[0])
    assert sample.failures == sample.requests > 50
    # Three tries each, and every one runs out of time; those of the last moments are still to come.
    assert sample.retries == pytest.approx(2 * sample.requests, abs=4)
    assert sample.timeouts == pytest.approx(3 * sample.requests, abs=4)
    # Envoy says why the last try failed, and that there was none left.
    assert dict(sample.response_flags or ()) == {"UT": sample.requests, "URX": sample.requests}


def test_a_call_ends_with_its_timeout() -> None:
    slow = single(distribution=Distribution.CONSTANT, service_cv=0.0, service_ms=100.0, workers=100)
    model = replace(slow, calls=(replace(slow.calls[0], timeout_ms=60, retries=NO_RETRIES),))
    twin = RequestTwin(model, PoissonArrivals(5.0, 1), seed=1)
    twin.advance(20.0)
    sample = only(twin.read()[0])
    assert sample.timeouts == sample.requests > 50
    assert dict(sample.response_flags or ()) == {"UT": sample.requests}


def test_an_overload_is_retried_only_if_the_rule_says_so() -> None:
    failed = []
    for on_overload in (False, True):
        model = single(replicas=2, queue=0)
        rule = RetryRule(2, None, on_overload=on_overload, on_error=False, on_timeout=True)
        model = replace(model, calls=(replace(model.calls[0], retries=rule),))
        failed.append(settled(model, 40.0, 100.0).failed_percent)
    assert failed[1] < failed[0] / 3


@pytest.mark.parametrize("engine", [FastTwin, RequestTwin])
class TestContract:
    """What every engine does."""

    def make(self, engine: type[FastTwin] | type[RequestTwin], rate: float = 60.0, seed: int = 1) -> Engine:
        return engine(demo_model(), PoissonArrivals(rate, seed), seed=seed)

    def test_repeats_itself(self, engine: type[FastTwin] | type[RequestTwin]) -> None:
        readings = []
        for _ in range(2):
            twin = self.make(engine)
            seen = []
            for step in range(1, 30):
                if step == 10:
                    twin.kill("payments")
                if step == 15:
                    twin.scale("payments", 4)
                twin.advance(step * 0.5)
                seen.append(twin.read())
            readings.append(seen)
        assert readings[0] == readings[1]

    def test_every_arrival_ends_once(self, engine: type[FastTwin] | type[RequestTwin]) -> None:
        arrivals = PoissonArrivals(90.0, 5)
        expected = len(PoissonArrivals(90.0, 5).until(30.0))
        twin = engine(demo_model(), arrivals, seed=5)
        total = 0
        for step in range(1, 61):
            if step in (10, 20):
                twin.kill("payments")
            if step in (15, 30):
                twin.scale("payments", 1 if step == 30 else 5)
            twin.advance(step * 0.5)
            edges, _ = twin.read()
            total += edges[0].requests
        assert (edges[0].in_flight or 0) >= 0
        still_inside = 120 if engine is RequestTwin else 0
        assert expected - still_inside <= total <= expected

    def test_new_replicas_are_ready_after_their_start(
        self, engine: type[FastTwin] | type[RequestTwin]
    ) -> None:
        twin = self.make(engine)
        twin.advance(1.0)
        twin.scale("payments", 5)
        ready = []
        for at_s in (1.4, 1.8, 2.2):
            twin.advance(at_s)
            state = next(w for w in twin.read()[1] if w.workload == "payments")
            ready.append((state.replicas_desired, state.replicas_ready))
        assert ready == [(5, 2), (5, 5), (5, 5)]

    def test_utilisation_is_throughput_times_service_time(
        self, engine: type[FastTwin] | type[RequestTwin]
    ) -> None:
        twin = self.make(engine)
        twin.advance(5.0)
        twin.read()
        twin.advance(105.0)
        edges, workloads = twin.read()
        payments = next(w for w in workloads if w.workload == "payments")
        served = next(e for e in edges if e.edge.workload == "payments").requests
        assert payments.utilisation == pytest.approx(served / 100.0 * 0.04 / 4, rel=0.05)

    def test_errors_and_slowdowns_show(self, engine: type[FastTwin] | type[RequestTwin]) -> None:
        twin = self.make(engine, rate=30.0)
        twin.fail("payments", 20.0)
        twin.slow_down("recommendations-food", 3.0)
        twin.advance(60.0)
        edges = {edge.edge.workload: edge for edge in twin.read()[0]}
        assert edges["payments"].failures / edges["payments"].requests == pytest.approx(0.2, abs=0.04)
        assert edges["orders"].failures == pytest.approx(edges["payments"].failures, abs=5)
        food, music = (edges[f"recommendations-{kind}"].successes_ms.mean_ms() for kind in ("food", "music"))
        assert food is not None
        assert music is not None
        assert food > 2.2 * music
