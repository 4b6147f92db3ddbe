"""Learned policies: the same output as the library that trained them, refusals, and what they plan."""

import io
import json
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from marskit.agents.policy import Learned
from marskit.agents.policy_file import (
    SHIPPED,
    Policy,
    PolicyError,
    check_fits,
    load_policy,
    save_policy,
)
from marskit.agents.situation import Observer
from marskit.domain.actions import Scale
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.goals import Utility
from marskit.env.encoding import BUSY, PER_RAW, RATE, STATIONS, encoding
from marskit.mapek.plan.shield import Shield, ShieldLimits
from tests.agents.context import PERIOD_S, SPEED, calibrated_demo, view_at

CODES = encoding(calibrated_demo(), ShieldLimits(), period_scenario_s=PERIOD_S * SPEED)
NO_DIAGNOSIS = Diagnosis((), (), None, Utility(0, 0, 0, 0, 0), "")


def policy(algorithm: str = "ppo") -> Policy:
    rng = np.random.default_rng(0)
    sizes = [CODES.observation_size, 16, CODES.action_size]
    layers = tuple(
        (rng.normal(0, 0.3, (out, into)).astype(np.float32), rng.normal(0, 0.1, out).astype(np.float32))
        for into, out in pairwise(sizes)
    )
    return Policy(algorithm, layers, CODES.schema(), {"seed": 0})


@pytest.mark.learning
@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
def test_it_answers_as_the_library_that_trained_it(algorithm: str) -> None:
    import torch
    from stable_baselines3 import PPO, SAC

    from marskit.env.mesh_env import MeshEnv
    from marskit.training.learn import layers_of

    torch.manual_seed(1)
    learner = (PPO if algorithm == "ppo" else SAC)("MlpPolicy", MeshEnv(), seed=1, device="cpu")
    ours = Policy(algorithm, layers_of(learner), CODES.schema(), {})
    seen = np.random.default_rng(2).uniform(-1, 2, (200, CODES.observation_size)).astype(np.float32)
    theirs, _ = learner.predict(seen, deterministic=True)
    assert np.abs(np.stack([ours.act(each) for each in seen]) - theirs).max() < 1e-5


def test_a_file_comes_back_as_it_was_written(tmp_path: Path) -> None:
    written = policy("sac")
    save_policy(tmp_path / "p.npz", written)
    read = load_policy(tmp_path / "p.npz")
    assert (read.algorithm, read.schema, read.card) == (written.algorithm, written.schema, written.card)
    observation = np.ones(CODES.observation_size, np.float32)
    assert np.array_equal(read.act(observation), written.act(observation))
    assert [file.name for file in tmp_path.iterdir()] == ["p.npz"]


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"nowhere\.npz: the policy cannot be read: No such file"):
        load_policy(tmp_path / "nowhere.npz")


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "flipped", "other"])
def test_a_damaged_file_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "p.npz"
    save_policy(path, policy())
    whole = path.read_bytes()
    other = io.BytesIO()
    np.savez(other, something=np.zeros(3))
    path.write_bytes(
        {
            "cut": whole[: len(whole) // 2],
            "text": b"these are not weights",
            "empty": b"",
            "flipped": whole[:200] + bytes([whole[200] ^ 0xFF]) + whole[201:],
            "other": other.getvalue(),
        }[damage]
    )
    with pytest.raises(PolicyError, match=r"p\.npz: this is not a policy file, or it is damaged\."):
        load_policy(path)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, number: float) -> None:
    whole = policy()
    (first, bias), last = whole.layers
    broken = first.copy()
    broken[0, 0] = number
    save_policy(tmp_path / "p.npz", replace(whole, layers=((broken, bias), last)))
    with pytest.raises(PolicyError, match=r"p\.npz: a weight is NaN or infinite"):
        load_policy(tmp_path / "p.npz")


def test_layers_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    whole = policy()
    (first, bias), last = whole.layers
    save_policy(tmp_path / "p.npz", replace(whole, layers=((first[:, 1:], bias), last)))
    with pytest.raises(PolicyError, match="do not fit together"):
        load_policy(tmp_path / "p.npz")


def test_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    header = {"format": 99, "algorithm": "ppo", "schema": {}, "card": {}}
    arrays = {"header": np.frombuffer(json.dumps(header).encode(), np.uint8)}
    np.savez(path, **arrays)  # type: ignore[arg-type] # its stubs forget that names are free
    with pytest.raises(PolicyError, match=r"has format 99; this marskit reads 1\."):
        load_policy(path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"version": 9}, "has encoding 9; this marskit has 2"),
        ({"observation": ["shop: utilisation"]}, "was trained for another mesh: it has 'shop: utilisation'"),
        ({"most_replicas": [1, 2, 3, 4]}, "was trained for another mesh: it has '[1, 2, 3, 4]'"),
    ],
)
def test_a_policy_for_another_mesh_is_refused(change: dict[str, object], sentence: str) -> None:
    other = replace(policy(), schema={**CODES.schema(), **change})
    with pytest.raises(PolicyError) as refused:
        check_fits(other, CODES, Path("p.npz"))
    assert sentence in str(refused.value)


@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
def test_the_shipped_policies_are_for_the_demo_and_scale_with_its_load(algorithm: str) -> None:
    path = SHIPPED / f"demo-{algorithm}.npz"
    shipped = load_policy(path)
    check_fits(shipped, CODES, path)
    wanted = []
    for rate in (15.0, 120.0):
        planner = Learned(shipped, CODES, period_s=PERIOD_S)
        view = view_at(rate)
        plan = planner.plan(NO_DIAGNOSIS, view)
        Shield(ShieldLimits()).check(plan.proposed, view, ())
        scales = {a.workload: a.replicas for a in plan.proposed if isinstance(a, Scale)}
        wanted.append(scales.get("payments", view.configuration.replicas_of("payments")))
        assert "Most influential inputs:" in plan.reason
    # 120 requests a second keep more than four workers, two replicas, of payments busy.
    assert wanted[0] < wanted[1]
    assert wanted[1] >= 3


def test_planning_needs_no_torch() -> None:
    code = (
        "import sys; from tests.agents.context import demo_context; "
        "from marskit.agents.registry import PLANNERS, make_planner; "
        "[make_planner(name, demo_context()) for name in PLANNERS]; "
        "print([m for m in ('torch', 'stable_baselines3', 'gymnasium', 'pandas') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_what_it_sees_is_what_monitor_saw() -> None:
    situation = Observer(CODES, period_s=PERIOD_S).see(view_at(50.0, utilisation={"payments": 0.7}))
    assert situation.raw[RATE, 0] == pytest.approx(50.0)
    place = [s.workload for s in calibrated_demo().stations].index("payments")
    assert situation.raw[STATIONS + PER_RAW * place + BUSY, 0] == pytest.approx(0.7)
    edges = [workload for _, workload in calibrated_demo().edges()]
    weights = dict(zip(edges, situation.weights[:, 0].tolist(), strict=True))
    assert weights == {
        "orders": 1.0,
        "payments": 1.0,
        "recommendations-food": 0.5,
        "recommendations-music": 0.5,
    }


def test_the_load_of_a_period_ago_is_remembered() -> None:
    observer = Observer(CODES, period_s=PERIOD_S)
    observer.see(view_at(20.0, now_s=10.0))
    observer.see(view_at(40.0, now_s=12.0))
    seen = observer.see(view_at(60.0, now_s=14.0))
    assert seen.raw[:3, 0].tolist() == pytest.approx([60.0, 40.0, 20.0])
