"""Comparisons, replays and trainings beside a lab."""

import _thread
import asyncio
import importlib
import threading
import time
from pathlib import Path

import psutil
import pytest

import marskit as mk
from marskit.domain.commands import Run
from marskit.domain.training import Stage, TrainingState
from marskit.errors import UserError
from marskit.lab.comparing import Comparison
from marskit.lab.inputs import LabError
from marskit.lab.replaying import Replay
from marskit.lab.training import Training
from marskit.system.worker import Worker, completed
from tests.compare.test_compare import SHORT
from tests.lab.conftest import MakeLab
from tests.lab.test_formats import checked

pytestmark = pytest.mark.notebook


def still(name: str) -> type[mk.Planner]:
    class Still(mk.Planner):
        """Does nothing."""

        def plan(self, diagnosis: mk.Diagnosis, view: mk.PlanningView) -> None:
            self.explain(name)

    return Still


def test_the_functions_are_not_hidden_by_the_rooms_of_their_names() -> None:
    for room in ("marskit.compare.jobs", "marskit.replay.player"):
        importlib.import_module(room)
    assert mk.compare.__module__ == "marskit.lab.comparing"
    assert mk.replay.__module__ == "marskit.lab.replaying"
    assert importlib.import_module("marskit.compare").__name__ == "marskit.compare"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        mk.nothing  # noqa: B018 # on purpose


def test_a_comparison_runs_names_and_classes_on_the_same_load(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = tmp_path / "short.toml"
    scenario.write_text(SHORT)
    # As in a notebook, whose kernel forces colours and whose thread has an event loop running.
    monkeypatch.setenv("FORCE_COLOR", "1")
    found = asyncio.run(_compared(["static", still("one"), "demand"], str(scenario), tmp_path / "out"))
    outcomes = {run.planner: run for run in found.measured}
    assert list(outcomes) == ["static", "__main__:Still", "demand"]
    same, static = outcomes["__main__:Still"], outcomes["static"]
    assert same.failed_requests == static.failed_requests
    assert same.points == static.points
    assert found.frame()["planner"].to_list() == list(outcomes)
    assert found.frame("series").height == sum(len(run.points) for run in found.measured)
    shown = found._repr_mimebundle_()
    assert "demand" in checked(shown["text/html"])
    assert str(found.report) in shown["text/plain"]
    assert found.report.is_file()
    assert "3 of 3: " in capsys.readouterr().err
    with pytest.raises(LabError, match="choose outcomes or series"):
        found.frame("nothing")


async def _compared(planners: list[str | type[mk.Planner]], scenario: str, out: Path) -> Comparison:
    return mk.compare(planners, [scenario], [1], out=out)


def test_a_comparison_that_cannot_begin_says_why(tmp_path: Path) -> None:
    for given, said in (
        ((["static", "nobody"], ["spike"]), "Unknown planner 'nobody'"),
        ((["static"], ["nobody"]), 'Unknown scenario "nobody"'),
        ((["static", "static"], ["spike"]), "Name every planner once"),
    ):
        with pytest.raises(UserError, match=said):
            mk.compare(*given, seeds=[1], out=tmp_path / "out")
    with pytest.raises(LabError, match="not there yet"):
        mk.compare(["static"], mesh="cluster", out=tmp_path / "out")


def test_an_interrupt_ends_a_comparison_with_all_its_processes(tmp_path: Path) -> None:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    threading.Timer(3.0, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        mk.compare(["static", "hpa"], ["diurnal", "ramp"], range(40), out=tmp_path / "out", tell=False)
    until_s = time.monotonic() + 10.0
    while (left := {c.pid for c in psutil.Process().children(recursive=True)} - before) and (
        time.monotonic() < until_s
    ):
        time.sleep(0.1)
    assert not left


@pytest.fixture
def replay(lab_of: MakeLab, tmp_path: Path) -> Replay:
    with lab_of() as lab:
        lab.load(3.0)
        lab.run(6)
    return mk.replay(runs=tmp_path / "runs")


def test_a_replay_goes_to_any_moment_and_shows_the_same_states(replay: Replay) -> None:
    assert [cycle.id for cycle in replay.cycles] == [1, 2, 3, 4, 5, 6]
    replay.go(3)
    assert replay.state.cycles_done == 3
    assert replay.step()
    assert replay.state.cycles_done == 4
    assert replay.step(back=True)
    assert replay.step("phase")
    assert replay.step("event")
    assert replay.state.cycles_done == 3
    assert "<svg" in replay._repr_mimebundle_()["text/html"]
    assert not replay.notes
    replay.go(6)
    assert not replay.step()
    told: list[str] = []
    replay.at_close(lambda: told.append("closed"))
    replay.close()
    replay.close()
    assert told == ["closed"]
    with pytest.raises(LabError, match=r"There is no cycle 9 in run .*; it has 1 to 6\."):
        replay.go(9)
    with pytest.raises(LabError, match="goes to one of cycle, phase"):
        replay.step("year")  # type: ignore[arg-type] # on purpose
    with pytest.raises(UserError, match="A recording cannot be changed"):
        replay.runtime.submit(Run()).result(1)


def test_a_branch_lets_another_class_decide(replay: Replay) -> None:
    branched = replay.branch(still("in a branch"), 2)
    assert branched.cycle == 2
    assert branched.branch.planner == "__main__:Still"
    assert branched.branch.headline.actions == 0
    with pytest.raises(UserError, match="Unknown planner 'nobody'"):
        replay.branch("nobody", 2)


def test_a_run_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="contains no runs"):
        mk.replay(runs=tmp_path)


def test_trainings_are_refused_in_one_sentence() -> None:
    for given, said in (
        ({"algorithm": "dqn"}, "Unknown algorithm 'dqn'; choose ppo or sac"),
        ({"steps": 0}, "The number of steps is 0"),
        ({"seed": -1}, "The seed is -1"),
    ):
        with pytest.raises(LabError, match=said):
            mk.train(**given)


def test_a_training_that_fails_says_why(tmp_path: Path) -> None:
    states: list[TrainingState] = []
    training = mk.train(steps=10, settings=tmp_path / "nothing.toml", out=tmp_path / "policy.npz")
    training.subscribe(states.append)
    with pytest.raises(LabError, match=r"nothing\.toml"):
        training.wait(60)
    assert training.state.stage is Stage.FAILED
    assert "nothing.toml" in training._repr_mimebundle_()["text/plain"]
    training.close()


@pytest.mark.learning
def test_a_training_shows_its_curve_and_gives_a_planner(tmp_path: Path, lab_of: MakeLab) -> None:
    training: Training = mk.train(seconds=20, seed=1, out=tmp_path / "policy.npz")
    training.wait(300)
    assert training.policy == str(tmp_path / "policy.npz")
    assert "<svg" in training._repr_mimebundle_()["text/html"]
    assert lab_of(planner=training.policy).run(2)[-1].planner == training.policy


def test_a_worker_cleans_up_when_it_is_interrupted() -> None:
    cleaned: list[str] = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append("yes")

    worker: Worker[None] = Worker(forever, "test")
    with pytest.raises(TimeoutError):
        worker.wait(0.05)
    worker.end()
    assert cleaned == ["yes"]
    assert not worker.is_running
    worker.call(lambda: cleaned.append("never"))
    assert cleaned == ["yes"]

    async def three() -> int:
        return 3

    assert completed(three, "test") == 3
