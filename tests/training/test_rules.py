"""The vectorised rules decide as the planners of the same name do."""

import numpy as np
import pytest

from marskit.agents.hpa import metered
from marskit.agents.hpa_replicas import propose
from marskit.domain.observation import WorkloadObservation
from marskit.env.encoding import BUSY, PER_RAW, RATE, READY, STATIONS
from marskit.env.mesh_env import demo
from marskit.env.vector import EnvSettings, MeshVectorEnv
from marskit.training.evaluate import Scores, at_equal_replicas, interval
from marskit.training.rules import DemandRule, HpaRule


def test_the_autoscaler_asks_for_what_its_formula_says() -> None:
    env = MeshVectorEnv(*demo(), 32, settings=EnvSettings(periods=60))
    rule = HpaRule(0.6, 0.0)
    observation, _ = env.reset(seed=5)
    agreed = 0
    for period in range(40):
        actions = rule(env, observation)
        expected = []
        for w, station in enumerate(env.encoding.model.stations):
            row = STATIONS + PER_RAW * w
            for i in range(32):
                ready, busy = int(env.run.raw[row + READY, i]), float(env.run.raw[row + BUSY, i])
                seen = WorkloadObservation(station.workload, station.service, ready, ready, 0.0, busy, 0.0)
                proposal = propose(metered(int(env.fluid.desired[w, i]), seen), 60, 0.1)
                assert proposal is not None
                expected.append(np.clip(proposal.replicas, 1, 6))
        before, listening = env.fluid.desired.copy(), env.run.late == 0
        observation, *_ = env.step(actions)
        if period:
            wanted = np.array(expected).reshape(before.shape)
            step = np.clip(wanted - before, -2, 4)
            moved = env.fluid.desired - before
            # Cool-downs may hold a scale-down back; what is done goes where the formula points.
            rises = (step > 0) & (wanted > before) & listening
            agreed += int((moved[rises] == step[rises]).sum())
            assert not rises.any() or (moved[rises] > 0).mean() > 0.9
    assert agreed > 50


def test_the_autoscaler_does_not_know_the_load_at_the_gateway() -> None:
    env = MeshVectorEnv(*demo(), 2)
    env.reset(seed=5)
    env.run.raw[RATE] = 1000.0
    env.run.raw[STATIONS + BUSY :: PER_RAW] = 1.0
    ready = env.run.raw[STATIONS + READY :: PER_RAW].copy()
    env.step(HpaRule(0.9, 0.0)(env, env.run.observation))
    # All workers are busy, which is all it sees: one replica more each, however much there is to do.
    assert (env.fluid.desired == np.ceil(ready / 0.9)).all()


def test_the_autoscaler_waits_for_its_window_whatever_the_load() -> None:
    env, rule = MeshVectorEnv(*demo(), 2), HpaRule(0.5, 300.0)
    env.reset(seed=5)
    env.fluid.desired[:], env.fluid.state.ready[:] = 5, 5
    env.run.raw[STATIONS + READY :: PER_RAW] = 5.0
    for busy in (0.5, 0.05, 0.05):
        env.run.raw[RATE] = 1.0
        env.run.raw[STATIONS + BUSY :: PER_RAW] = busy
        env.step(rule(env, env.run.observation))
        assert (env.fluid.desired == 5).all()


def test_the_autoscaler_keeps_what_it_found_for_a_whole_window() -> None:
    env, rule = MeshVectorEnv(*demo(), 2), HpaRule(0.8, 300.0)
    observation, _ = env.reset(seed=5, options={"rates": np.full((360, 2), 10.0)})
    sizes = []
    for _ in range(24):
        sizes.append(int(env.fluid.desired.sum(axis=0)[0]))
        observation, *_ = env.step(rule(env, observation))
    # 300 s are 20 periods; the planner of the same name counts the size at the start as recommended.
    assert sizes[:20] == [8] * 20
    assert sizes[-1] == 4


def test_the_demand_rule_leaves_the_weights_alone() -> None:
    env = MeshVectorEnv(*demo(), 4)
    observation, _ = env.reset(seed=1)
    for _ in range(20):
        observation, *_ = env.step(DemandRule(0.65)(env, observation))
    first = int(env.encoding.codes.edge_from[env.encoding.codes.shifted[0]])
    assert env.fluid.weights[first : first + 2] == pytest.approx(0.5)


def test_the_front_is_read_at_equal_replicas() -> None:
    def scores(violated: float, replicas: float) -> Scores:
        return Scores(violated, replicas, 0.0, 0.0, 0.0, 0.0, np.zeros(1))

    front = (("a", scores(4.0, 5.0)), ("b", scores(2.0, 7.0)), ("dominated", scores(3.5, 8.0)))
    assert at_equal_replicas(front, 6.0) == pytest.approx(3.0)
    assert at_equal_replicas(front, 8.0) == pytest.approx(2.0)


def test_an_interval_surrounds_the_mean() -> None:
    values = np.random.default_rng(0).normal(3.0, 1.0, 400)
    low, high = interval(values)
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 / 20, rel=0.2)
