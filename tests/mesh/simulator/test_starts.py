from dataclasses import replace
from random import Random

import numpy as np
import pytest

from marskit.mesh.simulator.engine import Engine
from marskit.mesh.simulator.fast import FastTwin
from marskit.mesh.simulator.fluid import Fluid
from marskit.mesh.simulator.judge import PoissonArrivals
from marskit.mesh.simulator.requests import RequestTwin
from marskit.mesh.simulator.starts import Starts
from tests.mesh.simulator.demo import demo_goals, demo_model

TICK_S = 0.02


def ready_at(starts: Starts) -> list[tuple[str, float]]:
    found = []
    while (now_s := starts.next_s) < float("inf"):
        found.append((starts.take(now_s), round(now_s, 9)))
    return found


def test_starts_side_by_side_slow_each_other() -> None:
    starts = Starts(0.5)
    starts.begin(10.0, "a", 1.0)
    starts.begin(10.0, "a", 1.0)
    starts.begin(10.0, "b", 1.0)
    assert (starts.of("a"), starts.of("b")) == (2, 1)
    assert ready_at(starts) == [("a", 12.0), ("a", 12.0), ("b", 12.0)]
    starts.begin(20.0, "b", 1.0)
    assert ready_at(starts) == [("b", 21.0)]


def test_a_later_start_slows_those_that_are_under_way_only_from_then_on() -> None:
    starts = Starts(1.0)
    starts.begin(0.0, "a", 1.0)
    # Half of it is done; the rest takes twice as long, and so does half of the other one.
    starts.begin(0.5, "b", 1.0)
    assert ready_at(starts) == [("a", 1.5), ("b", 2.0)]


def test_a_start_that_is_given_up_slows_nobody_any_more() -> None:
    starts = Starts(1.0)
    starts.begin(0.0, "a", 1.0)
    starts.begin(0.0, "a", 1.0)
    assert starts.cancel(1.0, "a")
    assert not starts.cancel(1.0, "b")
    assert ready_at(starts) == [("a", 1.5)]


def test_both_ways_to_compute_it_agree() -> None:
    off_s: list[float] = []
    for seed in range(20):
        random = Random(seed)
        model = replace(
            demo_model(),
            crowding=random.uniform(0.0, 1.5),
            stations=tuple(replace(s, start_s=random.uniform(0.3, 1.5)) for s in demo_model().stations),
        )
        fluid, starts = Fluid(model, demo_goals(), 1, tick_s=TICK_S), Starts(model.crowding)
        begun = sorted((random.randrange(100), random.randrange(4)) for _ in range(6))
        exact: list[float] = []
        seen: list[float] = []
        quiet = np.zeros(1)
        for tick in range(1000):
            while starts.next_s <= tick * TICK_S:
                exact.append(starts.next_s)
                starts.take(starts.next_s)
            for at, w in begun:
                if at == tick:
                    starts.begin(tick * TICK_S, model.stations[w].workload, model.stations[w].start_s)
                    fluid.scale(w, 0, int(fluid.desired[w, 0]) + 1)
            before = int(fluid.state.ready.sum())
            fluid.advance(quiet, quiet, 1)
            seen += [(tick + 1) * TICK_S] * (int(fluid.state.ready.sum()) - before)
        assert len(seen) == len(exact) == len(begun)
        assert fluid.state.underway[0] == fluid.state.starting.sum() == 0
        off_s += np.subtract(seen, exact).tolist()
    # A start ends with a tick; before, it loses a part of one, which is many times as long in a crowd.
    assert max(map(abs, off_s)) < 4 * TICK_S
    assert np.mean(off_s) == pytest.approx(0.0, abs=TICK_S)


@pytest.mark.parametrize("make", [RequestTwin, FastTwin])
def test_a_killed_replica_is_told_once_even_if_it_is_back(make: type[RequestTwin] | type[FastTwin]) -> None:
    twin: Engine = make(demo_model(), PoissonArrivals(1.0, 1), seed=1)
    told = []
    for until_s in (1.0, 3.0, 5.0):
        twin.advance(until_s)
        told.append(next((w.replicas_ready, w.ended) for w in twin.read()[1] if w.workload == "payments"))
        twin.kill("payments")
    assert told == [(2, 0), (2, 1), (2, 1)]


@pytest.mark.parametrize("make", [RequestTwin, FastTwin])
def test_an_engine_is_ready_when_the_crowd_lets_it(make: type[RequestTwin] | type[FastTwin]) -> None:
    took_s = []
    for crowding in (0.0, 1.0):
        model = replace(demo_model(), crowding=crowding)
        twin: Engine = make(model, PoissonArrivals(1.0, 1), seed=1)
        assert twin.unready_for_s("payments") == 0.0
        twin.scale("payments", 4)
        twin.scale("orders", 3)
        now_s = 0.0
        while (left_s := twin.unready_for_s("payments")) > 0.0:
            now_s += left_s
            twin.advance(now_s)
        took_s.append(now_s)
    # Three at once: each takes 0.6 s alone, and 0.6 (1 + 2) s together.
    assert took_s == [pytest.approx(0.6, abs=0.11), pytest.approx(1.8, abs=0.11)]
