"""Recorded runs as experience: the same encoding, actions that ask for what was done, the same reward."""

from dataclasses import replace
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from marskit.agents.policy_file import load_policy
from marskit.assembly.bootstrap import build
from marskit.assembly.settings import Settings
from marskit.cli.main import main
from marskit.controller.batch import run_headless
from marskit.domain.config import Configuration
from marskit.env.encoding import DIRECT, demand, wanted_replicas
from marskit.env.loads import scenario_rates
from marskit.env.mesh_env import demo
from marskit.env.vector import EnvSettings, MeshVectorEnv
from marskit.knowledge.read.runs import StoredRun, find_run, load_run
from marskit.load.scenario import load_scenario
from marskit.mesh.manifests.graph import configuration
from marskit.timing.virtual_loop import VirtualLoop
from marskit.training.clone import remember
from marskit.training.recorded import transitions
from marskit.training.settings import TrainingError
from tests.agents.context import demo_config
from tests.training.test_training import SMALL

pytestmark = pytest.mark.learning

CYCLES = 60


class Silent:
    def tell(self, event: object) -> None:
        pass


def record(planner: str, runs: Path, cycles: int) -> StoredRun:
    """A spike on the twin, through mesh port, Monitor, shield and Parquet."""
    settings = Settings(mesh="twin", engine="fast", scenario="spike", planner=planner, seed=3, runs=runs)
    ending = run_headless(partial(build, settings), Silent(), cycles=cycles, loop_factory=VirtualLoop)
    assert ending.exit_code == 0, ending.complaint
    return load_run(runs, find_run(runs, "last"))


@cache
def recorded(planner: str) -> StoredRun:
    with TemporaryDirectory() as folder:
        return record(planner, Path(folder), CYCLES)


def written() -> Configuration:
    return configuration(demo_config())


def simulated(periods: int) -> MeshVectorEnv:
    return MeshVectorEnv(*demo(), 1, settings=EnvSettings(periods=periods, spread=0.0))


def test_a_run_that_never_acts_looks_as_it_does_in_the_environment() -> None:
    env = simulated(CYCLES + 1)
    found = transitions([recorded("static")], env.encoding, written(), env.prices, period_s=2.0)
    scenario = load_scenario("spike")
    env.reset(seed=0, options={"rates": scenario_rates(scenario, CYCLES + 1, 2.0)[:, None]})
    leave = np.zeros((1, env.encoding.action_size), np.float32)
    leave[0, :4] = DIRECT + env.fluid.desired[:, 0]
    seen, rewards = [], []
    for _ in range(CYCLES):
        observation, reward, *_ = env.step(leave)
        seen.append(observation[0])
        rewards.append(reward[0])
    simulated_mean, recorded_mean = np.mean(seen, axis=0), found.observations.mean(axis=0)
    for name, ours, theirs in zip(env.encoding.observation_names, simulated_mean, recorded_mean, strict=True):
        assert theirs == pytest.approx(ours, abs=0.06), name
    # The spike is over capacity, so that queues, slowness and refusals are part of it.
    assert simulated_mean[env.encoding.observation_names.index("slow share")] > 0.05
    assert found.rewards.mean() == pytest.approx(float(np.mean(rewards)), abs=0.1)


def test_actions_ask_for_what_was_executed() -> None:
    env, run = simulated(10), recorded("hpa")
    found = transitions([run], env.encoding, written(), env.prices, period_s=2.0)
    cycles = [record.cycle for record in run.records]
    changed = 0
    for n, (before, after) in enumerate(pairwise(cycles)):
        rate = sum(s.requests_per_s for s in before.observation.services if s.service == "orders")
        load = np.zeros(4)
        demand(env.encoding.codes, rate, env.fluid.weights, 0, load)
        for w, station in enumerate(env.encoding.model.stations):
            had = before.observation.workload(station.workload).replicas_desired
            got = after.observation.workload(station.workload).replicas_desired
            # Where no target between 30 and 100 % asks for it, the nearest one does.
            reachable = np.ceil(load[w]) <= got <= max(1.0, np.ceil(load[w] / 0.3))
            if reachable:
                asked = wanted_replicas(env.encoding.codes, w, load[w], float(found.actions[n, w]))
                assert asked == got, (n, station.workload, load[w])
                changed += had != got
    assert changed >= 3
    assert np.abs(found.actions).max() <= 1.0
    assert found.actions[:, 4] == pytest.approx(0.0)


def test_a_replay_buffer_begins_with_them() -> None:
    from stable_baselines3 import SAC

    from marskit.env.sb3 import Sb3VecEnv

    env = MeshVectorEnv(*demo(), 7)
    found = transitions([recorded("hpa")], env.encoding, written(), env.prices, period_s=2.0)
    learner = SAC("MlpPolicy", Sb3VecEnv(env), buffer_size=1000, device="cpu")
    remember(learner, found)
    buffer = learner.replay_buffer
    assert buffer is not None
    assert buffer.size() == -(-len(found.rewards) // 7)
    assert np.array_equal(buffer.observations[0], found.observations[:7])
    assert np.array_equal(buffer.actions[1], found.actions[7:14])
    assert buffer.rewards[: buffer.size()].mean() == pytest.approx(found.rewards.mean(), abs=0.05)


def test_a_run_of_another_pace_or_another_mesh_is_refused() -> None:
    env = simulated(10)
    with pytest.raises(TrainingError, match=r"contain no two cycles about 30 s apart"):
        transitions([recorded("hpa")], env.encoding, written(), env.prices, period_s=30.0)
    run = recorded("hpa")
    topology = replace(run.started.topology, workloads=run.started.topology.workloads[1:])
    other = replace(run, started=replace(run.started, topology=topology))
    with pytest.raises(TrainingError, match=r"belongs to another mesh: its workloads are "):
        transitions([other], env.encoding, written(), env.prices, period_s=2.0)


def test_the_command_begins_with_recorded_runs(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    runs, small, out = tmp_path / "runs", tmp_path / "small.toml", tmp_path / "sac.npz"
    record("demand", runs, 12)
    small.write_text(SMALL)
    usual = ["train", "--settings", str(small), "--runs", str(runs), "--out", str(out), "--steps", "40"]
    assert main([*usual, "--algorithm", "sac", "--warm-start", "last"]) == 0
    assert load_policy(out).card["recorded_steps"] >= 10
    for algorithm, run, sentence in (
        ("ppo", "last", "--warm-start fills the replay buffer of sac; ppo has no replay buffer."),
        ("sac", "1999", f"{runs} contains no run '1999'"),
    ):
        capfd.readouterr()
        assert main([*usual, "--algorithm", algorithm, "--warm-start", run]) == 2
        complaint = capfd.readouterr().err
        assert sentence in complaint
        assert complaint.count("\n") == 1
