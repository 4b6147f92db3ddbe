"""Training as `marskit train` starts it: it repeats itself, stops when told, and outlives nobody."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from marskit.agents.policy_file import load_policy
from marskit.cli.main import main

pytestmark = pytest.mark.learning

SMALL = """
[ppo]
meshes = 16
steps_per_update = 16
batch = 128
epochs = 2
[sac]
meshes = 8
batch = 64
gradient_steps = 1
clone_steps = 200
[environment]
periods = 30
[evaluation]
meshes = 8
every_s = 1.0
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


def child(small: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "marskit.training", "--settings", str(small), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def told(process: "subprocess.Popen[str]") -> list[dict[str, object]]:
    """Everything that it tells until it ends by itself."""
    # Kept from `communicate`, which would close it: a child whose input ends stops, its parent being gone.
    life, process.stdin = process.stdin, None
    try:
        out, err = process.communicate(timeout=100)
    finally:
        process.stdin = life
    assert process.returncode == 0, err
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
def test_the_same_seed_learns_the_same(tmp_path: Path, small: Path, algorithm: str) -> None:
    policies = []
    for name in ("once", "twice"):
        out = tmp_path / f"{name}.npz"
        # One after the other reads its pipe only at the end: both must fit into it.
        with child(
            small, "--algorithm", algorithm, "--steps", "600", "--seed", "4", "--out", str(out)
        ) as process:
            lines = told(process)
        assert lines[-1]["saved"] == str(out)
        assert max(int(str(line["steps"])) for line in lines if "steps" in line) >= 600
        policies.append(load_policy(out))
    once, twice = policies
    assert once.algorithm == algorithm
    for (weight, bias), (other_weight, other_bias) in zip(once.layers, twice.layers, strict=True):
        assert np.array_equal(weight, other_weight)
        assert np.array_equal(bias, other_bias)
    assert once.card["seed"] == 4
    assert set(once.card["evaluation"]) >= {"violated_percent", "replicas"}


def test_told_to_stop_it_saves_the_best_so_far(tmp_path: Path, small: Path) -> None:
    out = tmp_path / "p.npz"
    with child(small, "--algorithm", "ppo", "--seconds", "90", "--out", str(out)) as process:
        assert process.stdout is not None
        assert json.loads(next(line for line in process.stdout if line.startswith("{")))["steps"] == 0
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 0
    assert load_policy(out).algorithm == "ppo"


def test_it_ends_when_its_parent_is_gone(tmp_path: Path, small: Path) -> None:
    with child(small, "--algorithm", "ppo", "--seconds", "90", "--out", str(tmp_path / "p.npz")) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if line.startswith("{"))
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=30) == 0


def test_it_goes_on_from_a_policy_file(tmp_path: Path, small: Path) -> None:
    first, second = tmp_path / "first.npz", tmp_path / "second.npz"
    with child(small, "--algorithm", "ppo", "--steps", "300", "--out", str(first)) as process:
        told(process)
    with child(
        small, "--algorithm", "ppo", "--steps", "1", "--resume", str(first), "--out", str(second)
    ) as process:
        told(process)
    once, again = load_policy(first), load_policy(second)
    assert once.card["evaluation"]["violated_percent"] == pytest.approx(
        again.card["evaluation"]["violated_percent"], abs=2.0
    )


def test_the_command_shows_how_it_comes_along(
    tmp_path: Path, small: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    out = tmp_path / "p.npz"
    assert main(["train", "--steps", "300", "--settings", str(small), "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "at equal replicas" in shown
    assert "The best policy, saved as" in shown
    assert out.exists()
    assert list(scratch.iterdir()) == [], "nothing is left behind"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--seconds", "0"], "--seconds is 0; it must be a finite number above 0."),
        (["--seconds", "nan"], "--seconds is nan; it must be a finite number above 0."),
        (["--resume", "nowhere.npz"], "nowhere.npz: the policy cannot be read: No such file or directory."),
        (["--out", "."], ".: a policy file cannot be written there."),
        (["--settings", "nowhere.toml"], "nowhere.toml: the settings file cannot be read"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *arguments]) == 2
    shown = capsys.readouterr()
    assert sentence in shown.err
    assert shown.err.count("\n") == 1
    assert shown.out == "", "a refusal comes before any table"


def test_a_terminal_sees_a_bar_with_the_time_left_and_an_interrupt_keeps_the_best(
    tmp_path: Path, small: Path
) -> None:
    out = tmp_path / "p.npz"
    ours, theirs = pty.openpty()
    arguments = ["train", "--settings", str(small), "--seconds", "90", "--out", str(out)]
    with subprocess.Popen(
        [sys.executable, "-m", "marskit", *arguments], stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        seen = b""
        while b" left" not in seen:
            seen += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(OSError):
            while said := os.read(ours, 4096):
                seen += said
    os.close(ours)
    assert process.returncode == 0
    assert load_policy(out).algorithm == "ppo"
    for words in (b"learning", b" left", b"The best policy, saved as"):
        assert words in seen
