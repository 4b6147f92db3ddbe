"""The training pane with the real child: it learns, stops, is let decide, and never outlives the screen."""

import asyncio
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from textual.pilot import Pilot

from marskit.agents.policy_file import load_policy
from marskit.domain import commands
from marskit.domain.loop_events import PlannerChanged
from marskit.domain.training import Evaluated, Saved, Stage, Ticked, TrainingState, advance
from marskit.training import trainer
from marskit.tui.app import MarskitApp
from marskit.tui.screens.live import LiveScreen
from tests.paths import ROOT
from tests.training.test_training import SMALL
from tests.tui import scripts
from tests.tui.fake import FakeRuntime
from tests.tui.test_app import until
from tests.tui.test_scenes import text_of
from tests.tui.test_snapshots import Compare

WITHIN_S = 100.0
"""The first training on a machine compiles the twin."""
HELD = """
import asyncio, sys
from tests.tui import scripts
from tests.tui.fake import FakeRuntime
from marskit.tui.app import MarskitApp

async def main():
    app = MarskitApp(FakeRuntime(scripts.healthy()), training=sys.argv[1:])
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("t", "enter")
        while app.trainer.state.stage != "learning":
            await pilot.pause(0.05)
        print("learning", flush=True)
        await pilot.pause(120)

asyncio.run(main())
"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The arguments of a training that takes a second; policies are written to an empty folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(SMALL)
    return "--settings", "small.toml"


def pane(*arguments: str) -> tuple[MarskitApp, FakeRuntime]:
    runtime = FakeRuntime(scripts.healthy())
    return MarskitApp(runtime, training=arguments), runtime


async def ended(pilot: Pilot[int], app: MarskitApp) -> None:
    await until(pilot, lambda: not app.trainer.state.is_busy, WITHIN_S)
    await pilot.pause(0.1)


@pytest.mark.learning
async def test_a_policy_is_trained_while_one_watches_and_decides_at_once(small: tuple[str, ...]) -> None:
    app, runtime = pane(*small, "--steps", "600")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("t")
        assert "ppo-0.npz" in text_of(app)
        await pilot.press("right", "backspace", "4", "enter")
        await until(pilot, lambda: "Loading the learner and the twin" in text_of(app))
        await ended(pilot, app)
        shown = text_of(app)
        for words in ("Saved as ppo-4.npz", "100 %", "policy ", "HPA* ", "demand* ", "best", "replicas"):
            assert words in shown
        assert load_policy(Path("ppo-4.npz")).card["seed"] == 4
        await pilot.press("p")
        assert runtime.commands == [commands.SetPlanner("ppo-4.npz")]
        runtime.tell(PlannerChanged(runtime.state.now_s, "ppo-4.npz"))
        await until(pilot, lambda: "it decides now" in text_of(app))


@pytest.mark.learning
async def test_the_screen_goes_on_while_it_trains_and_a_stop_keeps_the_best(small: tuple[str, ...]) -> None:
    app, _ = pane(*small)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("t", "enter")
        await until(pilot, lambda: app.trainer.state.stage is Stage.LEARNING, WITHIN_S)
        slowest_s, began = 0.0, time.monotonic()
        while time.monotonic() - began < 1.0:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            slowest_s = max(slowest_s, time.monotonic() - before)
        assert slowest_s < 0.5
        await pilot.press("s")
        await ended(pilot, app)
        assert "Saved as ppo-0.npz" in text_of(app)
        assert load_policy(Path("ppo-0.npz")).algorithm == "ppo"


@pytest.mark.learning
async def test_a_training_goes_on_behind_the_closed_pane_and_says_when_it_is_over(
    small: tuple[str, ...],
) -> None:
    app, _ = pane(*small, "--steps", "600")
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.press("t", "enter", "escape")
        assert isinstance(app.screen, LiveScreen)
        await ended(pilot, app)
        assert [n.message for n in app._notifications] == [
            "Training is complete; the policy is saved as ppo-0.npz.   t to see it"
        ]


@pytest.mark.learning
async def test_it_goes_on_from_the_policy_that_is_there(small: tuple[str, ...]) -> None:
    app, _ = pane(*small, "--steps", "300")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("t", "left", "up")
        assert app.trainer.choice.goes_on is False, "there is nothing to go on from"
        await pilot.press("enter")
        await ended(pilot, app)
        first = app.trainer.state.best
        await pilot.press("up", "enter")
        await ended(pilot, app)
        assert first is not None
        again = app.trainer.state.evaluations[0]
        assert again.steps == 0
        assert again.reward == pytest.approx(first.reward, abs=1e-6)


@pytest.mark.learning
async def test_what_the_child_refuses_is_told(small: tuple[str, ...]) -> None:
    app, _ = pane(*small, "--card", "nowhere.toml")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("t", "enter")
        await ended(pilot, app)
        assert "nowhere.toml" in text_of(app)
        assert app.trainer.state.stage is Stage.FAILED


async def test_without_the_extra_the_pane_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "missing", lambda: "Training needs the extra rl: pip install 'marskit[rl]'")
    app, _ = pane()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("t", "enter")
        assert "pip install 'marskit[rl]'" in text_of(app)
        assert not app.trainer.state.is_busy


@pytest.mark.learning
async def test_leaving_ends_the_training_and_keeps_its_policy(small: tuple[str, ...]) -> None:
    app, _ = pane(*small)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("t", "enter")
        await until(pilot, lambda: app.trainer.state.stage is Stage.LEARNING, WITHIN_S)
        (child,) = trainings(psutil.Process())
        app.exit(0)
    assert not child.is_running()
    assert load_policy(Path("ppo-0.npz")).algorithm == "ppo"


def trainings(parent: psutil.Process) -> list[psutil.Process]:
    return [each for each in parent.children(recursive=True) if "marskit.training" in each.cmdline()]


@pytest.mark.learning
@pytest.mark.mesh
def test_no_training_outlives_a_killed_screen(small: tuple[str, ...]) -> None:
    arguments = [sys.executable, "-c", HELD, *small]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment) as held:
        assert held.stdout is not None
        assert held.stdout.readline() == "learning\n"
        (child,) = trainings(psutil.Process(held.pid))
        # Stopped, it cannot end by itself.
        child.suspend()
        held.kill()
        _, alive = psutil.wait_procs([child], timeout=5)
    assert alive == []


def told() -> TrainingState:
    state = TrainingState(Stage.LOADING, "ppo", 3)
    state = advance(state, Ticked(0.0, 0, 0.0))
    for n, (violated, rule, demand, replicas) in enumerate(
        ((8.6, 9.4, 8.6, 15.1), (5.2, 8.1, 6.0, 16.0), (3.1, 6.9, 5.2, 16.9), (1.4, 6.2, 4.4, 17.6))
    ):
        seconds, steps = 10.0 * n, 90_000 * n
        reward = 0.5 + 0.07 * n
        scores = (violated, replicas, 50.0 + n, reward, reward, rule, demand)
        state = advance(state, Evaluated(seconds, steps, *scores))
    return advance(state, Ticked(37.2, 331_776, 0.62))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
@pytest.mark.parametrize("stage", [Stage.LEARNING, Stage.DONE])
def test_the_pane(
    stage: Stage,
    size: tuple[int, int],
    snap_compare: Compare,
    small: tuple[str, ...],
) -> None:
    app, _ = pane(*small)
    app.trainer.state = told()
    if stage is Stage.DONE:
        app.trainer.state = replace(advance(told(), Saved("ppo-3.npz", {})), tick=Ticked(60.0, 540_672, 1.0))
    assert snap_compare(app, press=("t",), terminal_size=size)
