"""The environment: Gymnasium's and stable-baselines3's own checks, its shield, and that it repeats itself."""

import subprocess
import sys
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from marskit.env.encoding import BUSY, DIRECT, PER_RAW, READY, STATIONS
from marskit.env.mesh_env import MeshEnv, demo
from marskit.env.registration import ID
from marskit.env.vector import EnvSettings, MeshVectorEnv
from marskit.mapek.plan.shield_rules import ShieldLimits


def trajectory(env: MeshVectorEnv, seed: int, steps: int = 60) -> NDArray[np.float32]:
    """(steps, N, O + 1) observations and rewards under random actions of the same seed."""
    rng = np.random.default_rng(seed)
    seen = [np.column_stack([env.reset(seed=seed)[0], np.zeros(env.num_envs)])]
    for _ in range(steps):
        actions = rng.uniform(-1, 1, (env.num_envs, env.encoding.action_size)).astype(np.float32)
        observation, reward, *_ = env.step(actions)
        seen.append(np.column_stack([observation, reward]))
    return np.stack(seen)


@pytest.mark.filterwarnings("ignore:.*not within the observation space:UserWarning")
def test_gymnasium_finds_nothing_wrong() -> None:
    env = gym.make(ID)
    check_env(env.unwrapped, skip_render_check=True)
    env.close()


def test_stable_baselines3_finds_nothing_wrong() -> None:
    from stable_baselines3.common.env_checker import check_env as check_for_sb3

    check_for_sb3(MeshEnv(), warn=False)


def test_its_full_name_is_enough_to_make_it() -> None:
    name = f"marskit.env.registration:{ID}"
    code = f"import gymnasium; print(type(gymnasium.make('{name}').unwrapped).__name__)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "MeshEnv"


def test_make_vec_gives_the_native_environment() -> None:
    env = gym.make_vec(ID, num_envs=3)
    assert isinstance(env.unwrapped, MeshVectorEnv)
    env.close()


def test_observations_have_a_name_each_and_stay_in_their_space() -> None:
    env = MeshEnv(settings=EnvSettings(periods=50))
    assert len(env.observation_names) == env.observation_space.shape[0]  # type: ignore[index] # a Box
    assert len(env.action_names) == env.action_space.shape[0]  # type: ignore[index] # a Box
    env.action_space.seed(1)
    env.reset(seed=1)
    for _ in range(49):
        observation, *_ = env.step(env.action_space.sample())
        assert observation in env.observation_space


def test_a_scenario_can_be_played() -> None:
    env = MeshEnv(settings=EnvSettings(spread=0.0))
    env.reset(seed=1, options={"scenario": "spike"})
    rates = env._vector.run.rates[:, 0]
    assert (rates.min(), rates.max()) == (34.0, 122.0)


def test_the_terms_add_up_to_the_reward() -> None:
    env = MeshEnv()
    env.reset(seed=2)
    for _ in range(20):
        _, reward, _, _, info = env.step(np.zeros(len(env.action_names), np.float32))
        terms = info["terms"]
        total = terms.pop("served_within_slo") - sum(terms.values())
        assert reward == pytest.approx(total / env._vector.prices.scale)


def test_the_same_seed_gives_the_same_bytes() -> None:
    model, goals = demo()
    once, twice = (trajectory(MeshVectorEnv(model, goals, 5), 3) for _ in range(2))
    assert once.tobytes() == twice.tobytes()
    other = trajectory(MeshVectorEnv(model, goals, 5), 4)
    assert not np.array_equal(once, other)


def test_threads_change_nothing() -> None:
    model, goals = demo()
    alone = trajectory(MeshVectorEnv(model, goals, 70), 3, steps=20)
    threads = MeshVectorEnv(model, goals, 70, threads=2)
    assert np.array_equal(alone, trajectory(threads, 3, steps=20))
    threads.close()


def test_an_episode_ends_by_truncation_and_the_next_begins_in_the_same_step() -> None:
    model, goals = demo()
    env = MeshVectorEnv(model, goals, 2, settings=EnvSettings(periods=3))
    env.reset(seed=0)
    actions = np.zeros((2, env.encoding.action_size), np.float32)
    for _ in range(2):
        _, _, terminated, truncated, info = env.step(actions)
        assert not truncated.any()
    observation, _, terminated, truncated, info = env.step(actions)
    assert truncated.all()
    assert not terminated.any()
    assert not np.array_equal(info["final_obs"], observation)
    assert env.period == 0


def test_actions_of_another_shape_are_refused() -> None:
    env = MeshVectorEnv(*demo(), 2)
    env.reset(seed=0)
    with pytest.raises(ValueError, match="actions: expected"):
        env.step(np.zeros((1, env.encoding.action_size), np.float32))


def test_a_step_after_the_last_one_begins_anew_and_leaves_what_was_seen_alone() -> None:
    env = MeshEnv(settings=EnvSettings(periods=3))
    env.reset(seed=0)
    action = np.zeros(len(env.action_names), np.float32)
    for _ in range(2):
        assert not env.step(action)[3]
    last, _, _, truncated, _ = env.step(action)
    kept = last.copy()
    assert truncated
    assert not env.step(action)[3]
    np.testing.assert_array_equal(last, kept)


def asking_for(env: MeshVectorEnv, replicas: list[int]) -> NDArray[np.float32]:
    """(N, A) the action that leaves the weights and asks for so many replicas of every workload."""
    actions = np.zeros((env.num_envs, env.encoding.action_size), np.float32)
    actions[:, :4] = DIRECT + np.array(replicas)
    return actions


def test_a_period_is_passed_over_while_new_replicas_start() -> None:
    model, goals = demo()
    apart = replace(model, crowding=0.0)
    slow = replace(apart, stations=tuple(replace(s, start_s=2.4) for s in model.stations))
    crowded = replace(model, crowding=1.0)
    for each, passed_over in ((apart, False), (slow, True), (crowded, True)):
        env = MeshVectorEnv(each, goals, 1, settings=EnvSettings(spread=0.0, period_s=1.0))
        env.reset(seed=1)
        env.step(asking_for(env, [4, 4, 3, 3]))
        assert env.run.actions[0] == 4
        env.step(asking_for(env, [5, 5, 3, 3]))
        assert env.run.actions[0] == (0 if passed_over else 2)
        env.step(asking_for(env, [5, 5, 3, 3]))
        assert env.run.actions[0] == (2 if passed_over else 0)


def test_what_was_of_late_can_be_kept_ready_for() -> None:
    env = MeshVectorEnv(*demo(), 2, settings=EnvSettings(spread=0.0))
    rates = np.full((360, 2), 20.0)
    rates[10:30] = 130.0
    env.reset(seed=1, options={"rates": rates})
    actions = np.zeros((2, env.encoding.action_size), np.float32)
    actions[:, -1] = [-1.0, 1.0]
    for _ in range(25):
        env.step(actions)
    forgetful, mindful = env.fluid.desired.sum(axis=0)
    assert forgetful == 4
    assert mindful >= 7


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_no_sequence_of_actions_breaches_the_shield(seed: int) -> None:
    model, goals = demo()
    limits = ShieldLimits()
    env = MeshVectorEnv(model, goals, 8)
    env.reset(seed=seed)
    rng = np.random.default_rng(seed)
    codes, last_down = env.encoding.codes, np.full((4, 8), -100)
    for period in range(40):
        before, shares = env.fluid.desired.copy(), env.fluid.weights.copy()
        busy = env.run.raw[STATIONS + BUSY :: PER_RAW] * env.run.raw[STATIONS + READY :: PER_RAW]
        changed = np.where(env.run.since < 1000, env.run.since, 1000).copy()
        env.step(rng.uniform(-1, 1, (8, env.encoding.action_size)).astype(np.float32))
        after = env.fluid.desired
        assert (after >= codes.least[:, None]).all()
        assert (after <= codes.most[:, None]).all()
        assert (after - before <= limits.max_step_up).all()
        assert (before - after <= limits.max_step_down).all()
        down = after < before
        # 50 s of the scenario's clock are 3.3 periods of 15 s.
        assert (changed[down] >= 3).all()
        assert (busy[down] <= limits.safe_utilisation * after[down] + 1e-6).all()
        weights = env.fluid.weights
        assert (np.abs(weights - shares) <= limits.max_weight_step_percent / 100 + 1e-9).all()
        first = int(codes.edge_from[codes.shifted[0]])
        assert weights[first : first + 2].sum(axis=0) == pytest.approx(1.0)
        last_down[down] = period


def test_nothing_has_happened_when_an_episode_begins() -> None:
    env = MeshEnv()
    env.reset(seed=1)
    env.action_space.seed(1)
    done = [env.step(env.action_space.sample())[4]["actions_executed"] for _ in range(3)]
    assert max(done) > 0
    _, info = env.reset(seed=2)
    assert set(info["terms"].values()) == {0.0}
    assert info["actions_executed"] == 0
