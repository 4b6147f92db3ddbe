"""The fast engine: it loses no request, and answers to what is changed and to nothing else."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from marskit.mesh.simulator.arrays import Floats
from marskit.mesh.simulator.fluid import Fluid
from tests.mesh.simulator.demo import demo_goals, demo_model, edge, station
from tests.mesh.simulator.moments import quantile_s

PAYMENTS, FOOD, MUSIC = station("payments"), station("recommendations-food"), station("recommendations-music")


def loads(seeds: int, steps: int) -> Floats:
    """(steps + 1, seeds) random loads from idle to far beyond what the mesh can carry."""
    return np.random.default_rng(7).uniform(5.0, 160.0, (steps + 1, seeds))


def simulate(rates: Floats, replicas: dict[int, int], weights: tuple[float, float] = (0.5, 0.5)) -> Floats:
    """(steps, 2, seeds) mean latency in s and failures, with those replicas and weights all the time."""
    fluid = Fluid(demo_model(), demo_goals(), rates.shape[1])
    for w, count in replicas.items():
        fluid.desired[w] = fluid.state.ready[w] = count
    fluid.weights[edge("recommendations-food")], fluid.weights[edge("recommendations-music")] = weights
    seen = []
    for begin, end in pairwise(rates):
        flow = fluid.advance(begin, end, 10)
        sums = flow.moments.sum(axis=0)
        seen.append(np.stack([sums[1] / sums[0], flow.failed[0].copy()]))
    return np.array(seen)


def test_every_request_is_served_refused_or_still_inside() -> None:
    rates = loads(32, 40)
    fluid = Fluid(demo_model(), demo_goals(), 32)
    for begin, end in pairwise(rates):
        before = fluid.state.inside.copy()
        flow = fluid.advance(begin, end, 10)
        balance = before + flow.arrivals - flow.served - flow.refused - fluid.state.inside
        assert np.abs(balance).max() < 1e-9
        assert fluid.state.inside.min() >= 0.0
        assert flow.called[0] == pytest.approx((begin + end) / 2 * 10 * fluid.tick_s)
        answered = flow.moments[:, 0].sum(axis=0) + flow.failed[0]
        assert answered == pytest.approx(flow.called[0])


@pytest.mark.parametrize("few", [1, 2, 3, 4, 5])
def test_more_replicas_never_make_it_slower_or_fail_more(few: int) -> None:
    rates = loads(64, 60)
    for w in (station("orders"), PAYMENTS, FOOD, MUSIC):
        # With a replica more, work that was refused gets through and reaches the next station.
        others = {other: 6 for other in (station("orders"), PAYMENTS, FOOD, MUSIC) if other != w}
        less, more = simulate(rates, {**others, w: few}), simulate(rates, {**others, w: few + 1})
        # A full queue takes as long to pass whatever the number of replicas, but for when it filled up.
        assert (more[:, 0] <= less[:, 0] * (1 + 2e-4)).all()
        assert (more[:, 1] <= less[:, 1] + 1e-6).all()


def test_a_workload_without_traffic_has_no_influence() -> None:
    rates = loads(64, 40)
    one, six = (simulate(rates, {MUSIC: count}, weights=(1.0, 0.0)) for count in (1, 6))
    assert np.array_equal(one, six)


def test_payments_do_not_feel_how_many_replicas_the_recommendations_have() -> None:
    rates = loads(16, 20)
    seen = []
    for count in (2, 6):
        fluid = Fluid(demo_model(), demo_goals(), 16)
        fluid.desired[FOOD] = fluid.state.ready[FOOD] = count
        flow = fluid.advance(rates[0] / 2, rates[1] / 2, 10)
        seen.append(flow.sojourn[PAYMENTS].copy())
    assert np.array_equal(*seen)


def test_a_new_replica_serves_once_it_has_started() -> None:
    fluid = Fluid(demo_model(), demo_goals(), 2)
    fluid.scale(PAYMENTS, 1, 5)
    rate = np.full(2, 60.0)
    seen = []
    for _ in range(4):
        fluid.advance(rate, rate, 1)
        seen.append(fluid.state.ready[PAYMENTS].tolist())
    # 0.6 s are three ticks.
    assert seen == [[2, 2], [2, 2], [2, 5], [2, 5]]


def test_of_replicas_that_are_taken_away_those_that_still_start_go_first() -> None:
    fluid = Fluid(demo_model(), demo_goals(), 1)
    fluid.scale(PAYMENTS, 0, 4)
    fluid.scale(PAYMENTS, 0, 3)
    assert fluid.state.ready[PAYMENTS, 0] == 2
    fluid.scale(PAYMENTS, 0, 1)
    assert fluid.state.ready[PAYMENTS, 0] == 1
    assert fluid.state.starting.sum() == 0


def test_without_a_replica_everything_fails() -> None:
    fluid = Fluid(demo_model(), demo_goals(), 1)
    fluid.state.ready[PAYMENTS] = 0
    rate = np.array([50.0])
    for _ in range(2):
        flow = fluid.advance(rate, rate, 10)
    assert flow.failed[0, 0] == pytest.approx(flow.called[0, 0])


def test_injected_errors_and_slowdowns_reach_the_users() -> None:
    fluid = Fluid(demo_model(), demo_goals(), 3)
    fluid.state.errors[PAYMENTS, 1] = 0.25
    fluid.state.slowdown[PAYMENTS, 2] = 1.5
    rate = np.full(3, 30.0)
    for _ in range(3):
        flow = fluid.advance(rate, rate, 10)
    assert flow.failed[0] / flow.called[0] == pytest.approx([0.0, 0.25, 0.0])
    sums = flow.moments.sum(axis=0)
    means = sums[1] / sums[0]
    assert means[2] - means[0] == pytest.approx(0.02, abs=0.004)


def test_an_overload_that_is_retried_reaches_the_station_again() -> None:
    model = demo_model()
    retried = replace(
        model,
        calls=tuple(
            replace(c, retries=replace(c.retries, attempts=2, on_overload=c.service == "payments"))
            for c in model.calls
        ),
    )
    rate = np.array([150.0])
    arrivals = []
    for each in (model, retried):
        fluid = Fluid(each, demo_goals(), 1)
        for _ in range(5):
            flow = fluid.advance(rate, rate, 10)
        arrivals.append(flow.arrivals[PAYMENTS, 0])
    assert arrivals[1] > 1.5 * arrivals[0]


def test_a_light_load_takes_its_service_times_and_hops() -> None:
    fluid = Fluid(demo_model(), demo_goals(), 1)
    rate = np.array([1.0])
    flow = fluid.advance(rate, rate, 10)
    sums = flow.moments.sum(axis=0)[:, 0]
    # 10 + 30 + 40 ms of service and three hops of 2 ms.
    assert sums[1] / sums[0] == pytest.approx(0.086, rel=0.01)
    assert quantile_s(0.95, flow.moments[:, :, 0]) > quantile_s(0.5, flow.moments[:, :, 0])


_SCRIPT = """
import json
import numpy as np
from marskit.mesh.simulator.fluid import Fluid
from tests.mesh.simulator.demo import demo_goals, demo_model
fluid = Fluid(demo_model(), demo_goals(), 3)
rates = np.random.default_rng(1).uniform(5, 150, (7, 3))
for begin, end in zip(rates, rates[1:]):
    flow = fluid.advance(begin, end, 10)
print(json.dumps([flow.moments.ravel().tolist(), fluid.state.inside.ravel().tolist()]))
"""


def test_it_computes_the_same_without_a_compiler() -> None:
    results = []
    for disabled in ("0", "1"):
        ran = subprocess.run(
            [sys.executable, "-c", _SCRIPT],
            capture_output=True,
            check=True,
            env={**os.environ, "NUMBA_DISABLE_JIT": disabled},
        )
        results.append(json.loads(ran.stdout))
    for compiled, interpreted in zip(*results, strict=True):
        assert compiled == pytest.approx(interpreted, rel=1e-9, abs=1e-12)
