"""Fine-tuning: going on from a file, judged by loads it did not learn from, and promoted or left alone."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO, SAC

from marskit.agents.policy_file import Policy, PolicyError, load_policy, save_policy
from marskit.calibration.rerun import course
from marskit.cli.main import main
from marskit.domain.events import ScenarioChanged
from marskit.env.mesh_env import demo
from marskit.env.vector import EnvSettings, MeshVectorEnv
from marskit.knowledge.read.runs import StoredRun
from marskit.training.clone import prefill
from marskit.training.finetune import prepare
from marskit.training.learn import FIRST_HOLD, Learner, layers_of
from marskit.training.promote import SEEDS, Replays, digest, former_of, promote, recorded_rates, verdict
from marskit.training.resume import acting, learn_critic
from marskit.training.rules import DemandRule, as_action
from marskit.training.settings import load_settings
from tests.calibration.recorded import demo_model, record
from tests.cli.test_calibrate import store
from tests.training.test_training import SMALL

pytestmark = pytest.mark.learning

SETTINGS = EnvSettings(periods=30)


@pytest.fixture(scope="module")
def runs() -> tuple[StoredRun, ...]:
    return tuple(
        record(demo_model(), scenario=scenario, seed=seed, cycles=25)
        for seed, scenario in enumerate(("steady", "diurnal", "steady"))
    )


@pytest.fixture(scope="module")
def settings_file() -> Path:
    folder = TemporaryDirectory()
    path = Path(folder.name) / "small.toml"
    path.write_text(SMALL)
    _KEPT.append(folder)
    return path


_KEPT: list[TemporaryDirectory[str]] = []


def policy(settings_file: Path, algorithm: str, target: float) -> Policy:
    """One that asks for that target utilisation whatever it sees, nearly: there is something to learn."""
    learner = Learner(algorithm, *demo(), load_settings(settings_file), seed=1)
    *hidden, (weight, bias) = layers_of(learner.learner)
    wanted = np.zeros_like(bias)
    wanted[: len(demo()[0].stations)] = as_action(target)
    wanted[-1] = FIRST_HOLD
    if algorithm == "sac":
        wanted = np.arctanh(np.clip(wanted, -0.97, 0.97))
    last = np.asarray(0.01 * weight, np.float32), np.asarray(wanted, np.float32)
    return Policy(algorithm, (*hidden, last), learner.encoding.schema(), {})


def test_only_a_difference_beyond_chance_is_a_gain() -> None:
    noise = np.random.default_rng(0).normal(0.0, 1.0, (4, 16))
    assert verdict(noise + 1.0).is_better
    assert not verdict(noise - noise.mean()).is_better
    assert not verdict(noise - 1.0).is_better
    # Much better on one load and a little worse on three others is no proof, however many seeds say so.
    assert not verdict(np.array([[3.0], [-0.1], [-0.1], [-0.1]]) + 0.01 * noise).is_better


def test_recorded_loads_are_those_that_arrived(runs: tuple[StoredRun, ...]) -> None:
    arrived = np.array(course(runs[0]).arrivals_s)
    rates = recorded_rates(runs[0], 2.0)
    assert len(rates) % 2 == 0
    covered = arrived < arrived[0] + len(rates)
    assert rates.sum() * 1.0 == pytest.approx(covered.sum(), abs=1)
    # Of a run whose arrivals are not known, what its cycles saw has to do.
    scenario = runs[0].started.scenario
    first, *others = runs[0].records
    changed = replace(first, incidents=(ScenarioChanged(1.0, scenario),))
    seen = recorded_rates(replace(runs[0], records=(changed, *others)), 2.0)
    assert seen.mean() == pytest.approx(rates[: len(seen)].mean(), rel=0.1)


def test_rules_meet_the_same_loads_meshes_and_noise(runs: tuple[StoredRun, ...]) -> None:
    replays = Replays(*demo(), SETTINGS, runs, seed=3)
    tight, wasteful = DemandRule(0.6), DemandRule(0.3)
    assert np.array_equal(replays.utilities(tight), replays.utilities(tight))
    assert replays.utilities(tight).shape == (3, SEEDS)
    assert replays.compare(tight, tight).difference_per_s == 0.0
    assert replays.compare(tight, wasteful).is_better
    assert not replays.compare(wasteful, tight).is_better


def test_a_promotion_keeps_the_former_one_and_gives_way_to_another(
    tmp_path: Path, settings_file: Path
) -> None:
    path = tmp_path / "mine.npz"
    old, new = (policy(settings_file, "ppo", target) for target in (0.5, 0.7))
    save_policy(path, old)
    before, known = path.read_bytes(), digest(path)
    promote(path, new, instead_of=known)
    assert former_of(path).read_bytes() == before
    assert np.array_equal(load_policy(path).layers[-1][1], new.layers[-1][1])
    now = path.read_bytes()
    with pytest.raises(PolicyError, match="the policy has changed meanwhile, so it is not replaced"):
        promote(path, old, instead_of=known)
    assert path.read_bytes() == now
    assert former_of(path).read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["mine.former.npz", "mine.npz"]


@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
def test_a_learner_that_goes_on_does_first_what_the_policy_did(settings_file: Path, algorithm: str) -> None:
    known = policy(settings_file, algorithm, 0.55)
    learner = Learner(algorithm, *demo(), load_settings(settings_file), seed=2, resume=known)
    learner.begin()
    for (weight, bias), (other, other_bias) in zip(layers_of(learner.learner), known.layers, strict=True):
        assert np.array_equal(weight, other)
        assert np.array_equal(bias, other_bias)
    seen = np.random.default_rng(0).uniform(0, 1, (5, len(known.schema["observation"]))).astype(np.float32)
    done, _ = learner.learner.predict(seen, deterministic=True)
    assert done == pytest.approx(known.act_all(seen), abs=1e-5)
    assert known.act(seen[0]) == pytest.approx(known.act_all(seen)[0], abs=1e-6)
    tried, _ = learner.learner.predict(seen, deterministic=False)
    assert not np.allclose(tried, done)
    assert np.abs(tried - done).mean() < 0.6


def test_sacs_critic_learns_what_the_policy_is_worth_while_the_actor_rests(settings_file: Path) -> None:
    known = policy(settings_file, "sac", 0.55)
    learner = Learner("sac", *demo(), load_settings(settings_file), seed=2, resume=known)
    sac = learner.learner
    assert isinstance(sac, SAC)
    prefill(sac, MeshVectorEnv(*demo(), sac.n_envs, settings=SETTINGS), acting(known), seed=3)

    def error() -> float:
        """Of what the critic expects of the first steps, against what came of them."""
        buffer = sac.replay_buffer
        assert buffer is not None
        worth = np.zeros(buffer.n_envs)
        for reward in buffer.rewards[20::-1]:
            worth = reward + sac.gamma * worth
        seen, done = (torch.as_tensor(each[0]) for each in (buffer.observations, buffer.actions))
        return float(np.abs(sac.critic(seen, done)[0].detach().numpy()[:, 0] - worth).mean())

    before = error()
    assert sac.log_ent_coef is not None
    sac.log_ent_coef.data.fill_(-4.0)
    learn_critic(sac, 900)
    assert error() < 0.5 * before
    for (weight, _), (other, _) in zip(layers_of(sac), known.layers, strict=True):
        assert np.array_equal(weight, other)


def fine_tune(path: Path, root: Path, settings_file: Path, *names: str) -> list[dict[str, object]]:
    # It ends with whoever holds the other end of its standard input.
    lives, life = os.pipe()
    try:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "marskit.training", "--fine-tune", str(path), "--runs", str(root)),
                *("--settings", str(settings_file), "--steps", "1", "--from-runs", *names),
            ],
            stdin=lives,
            capture_output=True,
            text=True,
            timeout=200,
        )
    finally:
        os.close(lives)
        os.close(life)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_a_policy_that_is_better_on_held_out_loads_takes_the_place(
    tmp_path: Path, settings_file: Path, runs: tuple[StoredRun, ...]
) -> None:
    path = tmp_path / "mine.npz"
    save_policy(path, policy(settings_file, "ppo", 0.33))
    before = path.read_bytes()
    model, prices = demo()
    tuning = prepare(path, runs, model, None, prices, load_settings(settings_file), seed=0)
    judged, placed = tuning.judge(policy(settings_file, "sac", 0.6))
    assert judged.promoted
    assert judged.low > 0
    assert "the former one is kept as mine.former.npz" in judged.sentence
    assert former_of(path).read_bytes() == before
    assert load_policy(path).card == placed.card
    card = placed.card["fine_tuned"]
    assert card["from"] == tuning.instead_of
    assert card["held_out"] == [runs[-1].started.run]
    assert card["runs"] == [run.started.run for run in runs[:-1]]
    # The same once more is no gain, and the file is another one by now.
    again = prepare(path, runs, model, None, prices, load_settings(settings_file), seed=0)
    assert not again.judge(placed)[0].promoted
    with pytest.raises(PolicyError, match="changed meanwhile"):
        tuning.judge(placed)


def test_a_policy_that_is_no_better_changes_nothing(
    tmp_path: Path, settings_file: Path, runs: tuple[StoredRun, ...]
) -> None:
    root, path = tmp_path / "runs", tmp_path / "mine.npz"
    for run in runs:
        store(root, run)
    save_policy(path, policy(settings_file, "sac", 0.6))
    before = path.read_bytes()
    # One step of learning makes nothing better than chance.
    told = fine_tune(path, root, settings_file, *(run.started.run for run in runs))
    assert told[-1]["kind"] == "Judged"
    assert told[-1]["promoted"] is False
    assert "so the policy is unchanged" in str(told[-1]["sentence"])
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir() if each.suffix == ".npz"] == ["mine.npz"]


def test_what_cannot_be_fine_tuned_is_refused_in_a_sentence(
    tmp_path: Path, settings_file: Path, runs: tuple[StoredRun, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    root, path = tmp_path / "runs", tmp_path / "mine.npz"
    store(root, runs[0])
    save_policy(path, policy(settings_file, "ppo", 0.5))
    for arguments, sentence in (
        (["--fine-tune", str(path)], "--fine-tune FILE and --from-runs RUN... go together."),
        (["--fine-tune", str(path), "--from-runs", "last", "--out", "x.npz"], "--out does not go with"),
        (["--fine-tune", str(path), "--from-runs", "last"], "--from-runs names 1 with more than one cycle"),
        (["--fine-tune", "nowhere.npz", "--from-runs", "last"], "nowhere.npz: the policy cannot be read"),
    ):
        assert main(["train", *arguments, "--runs", str(root), "--settings", str(settings_file)]) == 2
        told = capsys.readouterr().err
        assert sentence in told
        assert told.count("\n") == 1


def test_ppos_value_function_is_learned_first(settings_file: Path) -> None:
    known = policy(settings_file, "ppo", 0.55)
    learner = Learner("ppo", *demo(), load_settings(settings_file), seed=2, resume=known)
    ppo = learner.learner
    assert isinstance(ppo, PPO)
    before = ppo.policy.value_net.weight.detach().clone()
    learner.begin()
    assert not before.equal(ppo.policy.value_net.weight)
    assert all(parameter.requires_grad for parameter in ppo.policy.parameters())
