"""What the request-level engine has of Envoy's retries, timeouts, connections and counters."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from marskit.domain.config import HOST_SELECTION_ATTEMPTS, Retries
from marskit.domain.metrics import EdgeSample, WorkloadSample
from marskit.domain.topology import GATEWAY
from marskit.mesh.envoy.resources.actions import retry_policy
from marskit.mesh.manifests.istio import RetryChoice
from marskit.mesh.simulator.engine import Arrivals, Engine
from marskit.mesh.simulator.fast import FastTwin
from marskit.mesh.simulator.judge import PoissonArrivals
from marskit.mesh.simulator.model import (
    NO_RETRIES,
    Balancer,
    Call,
    Distribution,
    RetryRule,
    Station,
    TwinModel,
    back_off_s,
    retry_rule,
)
from marskit.mesh.simulator.requests import RequestTwin
from tests.mesh.simulator.demo import demo_model

ENGINES = pytest.mark.parametrize("engine", [FastTwin, RequestTwin])
AGAIN = RetryRule(2, None, on_overload=True, on_error=True, on_timeout=True)


class At:
    """Arrivals at given times."""

    def __init__(self, *times_s: float) -> None:
        self._times_s = list(times_s)

    def rate_per_s(self, at_s: float) -> float:
        return float(sum(abs(each - at_s) <= 0.5 for each in self._times_s))

    def until(self, at_s: float) -> Sequence[float]:
        due = [each for each in self._times_s if each < at_s]
        self._times_s = self._times_s[len(due) :]
        return due


def station(workload: str, service_ms: float, replicas: int = 1, queue: int = 100) -> Station:
    """One with as many replicas of one worker, and a service time that never varies."""
    return Station(
        workload=workload,
        service=workload,
        replicas=replicas,
        min_replicas=1,
        max_replicas=9,
        workers=1,
        service_ms=service_ms,
        service_cv=0.0,
        distribution=Distribution.CONSTANT,
        queue_limit=queue,
        balancer=Balancer.ROUND_ROBIN,
        start_s=60.0,
    )


def call(source: str, target: str, retries: RetryRule = NO_RETRIES, timeout_ms: int | None = None) -> Call:
    return Call(source, target, 1.0, 2.0, ((target, 100),), None, timeout_ms=timeout_ms, retries=retries)


def front_and_back(retries: RetryRule = NO_RETRIES, to_back: RetryRule = NO_RETRIES) -> TwinModel:
    """A front that takes 10 ms and then calls a back that takes 100 ms; a hop takes 1 ms each way."""
    return TwinModel(
        (station("front", 10.0), station("back", 100.0)),
        (call(GATEWAY, "front", retries), call("front", "back", to_back)),
    )


def alone(retries: RetryRule, *, timeout_ms: int | None = None, **of_station: int) -> TwinModel:
    """One station that serves for 100 ms."""
    return TwinModel((station("web", 100.0, **of_station),), (call(GATEWAY, "web", retries, timeout_ms),))


def twin(model: TwinModel, arrivals: Arrivals) -> RequestTwin:
    return RequestTwin(model, arrivals, seed=1)


def edges(engine: Engine) -> dict[str, EdgeSample]:
    return {sample.edge.workload: sample for sample in engine.read()[0]}


def workload(engine: Engine, name: str) -> WorkloadSample:
    return next(sample for sample in engine.read()[1] if sample.workload == name)


def test_what_a_killed_process_was_calling_is_cancelled_but_served() -> None:
    engine = twin(front_and_back(), At(1.0))
    engine.read()
    engine.advance(1.05)
    engine.kill("front")
    # Read only at the end: the back has worked from 1.013 to 1.113 all the same.
    engine.advance(2.0)
    samples, workloads = engine.read()
    assert [w.utilisation for w in workloads if w.workload == "back"] == [pytest.approx(0.1 / 2.0)]
    told, cancelled = samples
    assert (told.requests, told.failures, told.response_flags) == (1, 1, (("UC", 1),))
    # As Envoy logs a caller that went away: without a status.
    assert (cancelled.requests, cancelled.failures, cancelled.response_flags) == (1, 1, (("DC", 1),))


def test_the_calls_of_a_killed_process_stop_counting_as_in_flight_at_once() -> None:
    engine = twin(front_and_back(), At(1.0))
    engine.advance(1.05)
    assert edges(engine)["back"].in_flight == 1
    engine.kill("front")
    assert edges(engine)["back"].in_flight == 0
    engine.advance(2.0)
    assert {name: sample.in_flight for name, sample in edges(engine).items()} == {"front": 0, "back": 0}


def test_a_killed_process_makes_no_further_call() -> None:
    model = TwinModel(
        (station("front", 10.0), station("first", 100.0), station("second", 10.0)),
        (call(GATEWAY, "front"), call("front", "first"), call("front", "second")),
    )
    for killed in (False, True):
        engine = twin(model, At(1.0))
        engine.advance(1.05)
        if killed:
            engine.kill("front")
        engine.advance(3.0)
        assert edges(engine)["second"].requests == (0 if killed else 1)


def test_a_call_of_a_killed_process_is_not_tried_again() -> None:
    broken = front_and_back(to_back=replace(AGAIN, attempts=50))
    for killed in (False, True):
        engine = twin(broken, At(1.0))
        engine.fail("back", 100.0)
        engine.advance(1.5)
        assert (edges(engine)["back"].retries or 0) > 0
        if killed:
            engine.kill("front")
        engine.advance(4.0)
        assert (edges(engine)["back"].retries == 0) is killed


def test_what_its_caller_gave_up_goes_on_in_the_process_and_ends_with_it() -> None:
    model = front_and_back()
    given_up = replace(model, calls=(replace(model.calls[0], timeout_ms=20), model.calls[1]))
    engine = twin(given_up, At(1.0))
    engine.advance(1.05)
    seen = edges(engine)
    assert (dict(seen["front"].response_flags or ()), seen["back"].in_flight) == ({"UT": 1}, 1)
    engine.kill("front")
    assert edges(engine)["back"].in_flight == 0
    engine.advance(2.0)
    # It was answered already, so its end is told to nobody.
    assert edges(engine)["front"].requests == 0


def test_the_queue_of_a_killed_replica_dies_with_it_and_is_retried_elsewhere() -> None:
    arrivals = [1.0 + n / 1000.0 for n in range(8)]
    for retries, failures in ((NO_RETRIES, 4), (AGAIN, 0)):
        engine = twin(alone(retries, replicas=2), At(*arrivals))
        engine.advance(1.05)
        assert edges(engine)["web"].in_flight == 8
        engine.kill("web")
        engine.advance(5.0)
        seen = edges(engine)["web"]
        assert (seen.requests, seen.failures, seen.in_flight) == (8, failures, 0)
        assert seen.retries == (0 if failures else 4)


def test_a_retry_avoids_every_replica_that_was_tried_before() -> None:
    """Two of three replicas are full: the third try avoids both of them, and not only the last."""
    model = alone(AGAIN, replicas=3, queue=0)
    model = replace(model, stations=(replace(model.stations[0], balancer=Balancer.RANDOM, service_ms=1e6),))
    failures = []
    for seed in range(1000):
        engine = RequestTwin(model, At(1.0, 10.0, 20.0), seed=seed)
        engine.advance(15.0)
        if edges(engine)["web"].failures == 0:
            engine.advance(40.0)
            failures.append(edges(engine)["web"].failures)
    # 2/3 * 1/2 of the last requests meet both full ones first, and then miss the free one in (2/3)^6 of all
    # cases. Avoiding only the last replica, its draws would find the other full one with 1/2.
    assert sum(failures) / len(failures) == pytest.approx(
        2 / 3 / 2 * (2 / 3) ** (1 + HOST_SELECTION_ATTEMPTS), abs=0.03
    )


def test_the_draws_for_another_replica_are_as_many_as_envoy_is_told() -> None:
    rendered = retry_policy(None, RetryChoice(), hashed=False)
    assert rendered is not None
    assert rendered["host_selection_retry_max_attempts"] == HOST_SELECTION_ATTEMPTS
    # Both replicas full; one draw and all repeated ones must hit the first for it to be tried again.
    busy = alone(replace(AGAIN, attempts=1), replicas=2, queue=0)
    model = replace(busy, stations=(replace(busy.stations[0], balancer=Balancer.RANDOM, service_ms=1e6),))
    missed = 0
    for seed in range(2000):
        engine = RequestTwin(model, At(1.0, 10.0), seed=seed)
        engine.advance(20.0)
        missed += edges(engine)["web"].failures
    # The second request meets the full one with 1/2, and its retry with 1/2^(1 + attempts).
    assert missed == pytest.approx(2000 * 0.5 ** (2 + HOST_SELECTION_ATTEMPTS), abs=14)
    assert missed > 0


def test_the_back_off_is_envoys() -> None:
    longest_ms = [round(1000 * back_off_s(retry, 1 - 1e-12)) for retry in range(1, 8)]
    assert longest_ms == [24, 49, 99, 199, 249, 249, 249]
    assert back_off_s(7, 0.0) == 0.0
    assert back_off_s(1, 0.5) == 0.012


def test_a_call_waits_between_its_tries_as_the_back_off_says() -> None:
    """A try that fails takes 102 ms; ten retries wait 12, 24.5, 49.5, 99.5 and then 124.5 ms on average."""
    took_s = []
    for seed in range(60):
        engine = RequestTwin(alone(replace(AGAIN, attempts=10)), At(1.0), seed=seed)
        engine.fail("web", 100.0)
        until_s = 1.0
        while not (sample := edges(engine)["web"]).requests:
            until_s += 0.01
            engine.advance(until_s)
        assert sample.failures == 1
        took_s.append(until_s - 1.0)
    waits_s = (0.012 + 0.0245 + 0.0495 + 0.0995) + 6 * 0.1245
    assert sum(took_s) / len(took_s) == pytest.approx(11 * 0.102 + waits_s, abs=0.08)


def test_no_try_is_sent_after_the_call_has_run_out_of_time() -> None:
    # A try fails after 102 ms, so that the call's time ends while most of them wait to be tried again.
    engine = twin(alone(replace(AGAIN, attempts=9), timeout_ms=105), At(*(1.0 + n for n in range(200))))
    engine.fail("web", 100.0)
    engine.read()
    engine.advance(300.0)
    samples, workloads = engine.read()
    sample = samples[0]
    assert (sample.failures, sample.in_flight, sample.retries) == (200, 0, 200)
    assert dict(sample.response_flags or ()) == {"UT": 200}
    # Envoy counts the tries that it ends, which most calls have none of: these were sent again, and no other.
    assert sample.timeouts is not None
    assert 0 < sample.timeouts < 60
    assert 300.0 * (workloads[0].utilisation or 0.0) == pytest.approx((200 + sample.timeouts) * 0.1)


@ENGINES
def test_a_time_for_one_try_counts_only_below_that_of_the_call(
    engine: type[FastTwin] | type[RequestTwin],
) -> None:
    for per_try_ms, timeouts, flags in ((40, 3, ["URX", "UT"]), (300, 1, ["UT"]), (500, 1, ["UT"])):
        slow = alone(replace(AGAIN, per_try_timeout_ms=per_try_ms), timeout_ms=300)
        model = replace(slow, stations=(replace(slow.stations[0], workers=99, service_ms=1e3),))
        made = engine(model, PoissonArrivals(10.0, 1), seed=1)
        made.advance(10.0)
        sample = edges(made)["web"]
        assert sample.failures > 70
        # Those of the last moments are still to come.
        assert sample.timeouts == pytest.approx(timeouts * sample.failures, abs=6)
        assert sample.retries == pytest.approx((timeouts - 1) * sample.failures, abs=6 if timeouts > 1 else 0)
        assert [flag for flag, _ in sample.response_flags or ()] == flags


def test_exhausted_tries_are_flagged_and_other_failures_are_not() -> None:
    for retries, flags in ((AGAIN, {"URX": 1}), (replace(AGAIN, on_error=False), {}), (NO_RETRIES, {})):
        engine = twin(alone(retries), At(1.0))
        engine.fail("web", 100.0)
        engine.advance(5.0)
        sample = edges(engine)["web"]
        assert (sample.failures, dict(sample.response_flags or ())) == (1, flags)


@pytest.mark.parametrize(
    ("policy", "repeated"),
    [
        (None, set()),
        (Retries(2, None, ""), set()),
        (Retries(0, None, "5xx"), set()),
        (Retries(2, None, "connect-failure,refused-stream"), set()),
        (Retries(2, None, "reset"), {"UC", "UT"}),
        (Retries(2, None, "gateway-error"), {"503", "502", "UC", "UT"}),
        (Retries(2, None, "5xx"), {"500", "502", "503", "UC", "UT"}),
        (Retries(2, None, "connect-failure, 503"), {"503"}),
    ],
)
def test_what_is_tried_again_is_what_envoy_tries_again(policy: Retries | None, repeated: set[str]) -> None:
    assert retry_rule(policy).repeats() == repeated


def test_without_a_replica_a_call_fails_at_once() -> None:
    engine = twin(alone(AGAIN), At(1.0, 2.0))
    engine.kill("web")
    engine.advance(5.0)
    sample = edges(engine)["web"]
    assert (sample.failures, sample.retries, dict(sample.response_flags or ())) == (2, 0, {"UH": 2})


def test_utilisation_counts_from_the_second_reading_of_a_replica() -> None:
    model = alone(NO_RETRIES)
    fast = replace(model, stations=(replace(model.stations[0], start_s=0.5),))
    engine = twin(fast, At(*(n / 100.0 for n in range(1, 1000))))
    engine.advance(1.0)
    assert workload(engine, "web").utilisation is None
    engine.scale("web", 2)
    engine.advance(2.0)
    state = workload(engine, "web")
    # The new one has been busy for half a second, but nobody has looked at it before.
    assert state.replicas_ready == 2
    assert state.utilisation == pytest.approx(1.0)
    engine.slow_down("web", 1e6)
    engine.kill("web")
    engine.advance(2.2)
    assert workload(engine, "web").utilisation == pytest.approx(1.0)


def test_callers_do_not_see_each_others_requests() -> None:
    """Envoy has a cluster for every caller and counts active requests in each of them."""
    shared = replace(station("shared", 1e6, replicas=2), balancer=Balancer.LEAST_REQUEST)
    model = TwinModel(
        (station("a", 1.0), station("b", 1.0), shared),
        (
            replace(call(GATEWAY, "a"), per_request=0.5),
            replace(call(GATEWAY, "b"), per_request=0.5),
            call("a", "shared"),
            call("b", "shared"),
        ),
    )
    met = []
    for seed in range(1000):
        engine = RequestTwin(model, At(1.0, 2.0), seed=seed)
        engine.advance(3.0)
        samples, workloads = engine.read()
        if all(s.in_flight == 1 for s in samples if s.edge.workload == "shared"):
            met.append(workloads[-1].queued or 0.0)
    # The second meets the busy replica as often as the other; a single caller would do so with 1/4.
    assert len(met) > 300
    assert sum(met) / len(met) == pytest.approx(0.5, abs=0.1)


def test_scaling_a_station_changes_nothing_before_it() -> None:
    """Common random numbers: payments come last, so all else draws what it drew."""
    readings = []
    for replicas in (2, 6):
        engine = RequestTwin(demo_model(), PoissonArrivals(80.0, 4), seed=4)
        engine.scale("payments", replicas)
        engine.advance(60.0)
        samples, workloads = engine.read()
        recommended = [s for s in samples if s.edge.service == "recommendations"]
        readings.append((recommended, [w for w in workloads if w.workload.startswith("recommendations")]))
    assert readings[0] == readings[1]


@ENGINES
def test_orders_are_recommended_before_they_are_paid(engine: type[FastTwin] | type[RequestTwin]) -> None:
    """A failed recommendation costs the payment; a failed payment comes after the recommendation."""
    paid, recommended = {}, {}
    for broken in (("payments",), ("recommendations-food", "recommendations-music")):
        made = engine(demo_model(), PoissonArrivals(30.0, 1), seed=1)
        for name in broken:
            made.fail(name, 100.0)
        made.advance(30.0)
        seen = edges(made)
        paid[broken[0]] = seen["payments"].requests
        recommended[broken[0]] = sum(s.requests for s in seen.values() if s.edge.service == "recommendations")
    assert paid["payments"] > 500
    assert paid["recommendations-food"] == 0
    assert recommended["payments"] > 500
    assert recommended["recommendations-food"] > 500


@ENGINES
def test_every_try_that_runs_out_of_time_is_counted(engine: type[FastTwin] | type[RequestTwin]) -> None:
    rule = replace(AGAIN, per_try_timeout_ms=50)
    slow = alone(rule)
    model = replace(slow, stations=(replace(slow.stations[0], workers=100),))
    made = engine(model, PoissonArrivals(5.0, 1), seed=1)
    made.advance(20.0)
    sample = edges(made)["web"]
    assert sample.timeouts == pytest.approx(3 * sample.requests, abs=4)
    assert dict(sample.response_flags or ()) == {"UT": sample.failures, "URX": sample.failures}
