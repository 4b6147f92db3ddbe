"""A lab on the twin: what its methods wait for, what they return, and what they refuse."""

import _thread
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import marskit
from marskit.domain.commands import CommandError
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.faults import SlowDown
from marskit.domain.loop_events import CycleCompleted
from marskit.domain.observation import Observation
from marskit.domain.plan import Plan
from marskit.domain.records import Cycle, Mode, Origin, Outcome
from marskit.errors import UserError
from marskit.lab.inputs import LabError
from marskit.lab.lab import Lab
from marskit.lab.turns import LIVE_PACE
from tests.lab.conftest import MakeLab
from tests.paths import ROOT

LIGHT = """
import json, sys
import marskit as mk
light = sorted(sys.modules)
lab = mk.Lab("twin", runs=sys.argv[1], preview=False)
lab.ready()
made = sorted(sys.modules)
lab.close()
print(json.dumps([light, made]))
"""


def recorded(cycles: tuple[Cycle, ...]) -> list[Cycle]:
    """The cycles without what they cost."""
    return [replace(cycle, cpu_ms=0.0) for cycle in cycles]


def test_cycles_are_printed_as_a_table(lab_of: MakeLab) -> None:
    printed = str(lab_of("twin").run(2)).splitlines()
    assert printed[-3].split()[:3] == ["cycle", "at", "objectives"]
    assert [line.split()[0] for line in printed[-2:]] == ["2", "1"]


def test_twenty_steps_are_a_run_of_twenty_and_runs_of_three_seven_and_ten(lab_of: MakeLab) -> None:
    ways: list[Callable[[Lab], object]] = [
        lambda lab: [lab.step() for _ in range(20)],
        lambda lab: lab.run(20),
        lambda lab: (lab.run(3), lab.run(7), lab.run(10)),
        lambda lab: [lab.step("phase") for _ in range(100)],
        lambda lab: (lab.run(5, until=lambda state: False), lab.run(15)),
    ]
    found = []
    for way in ways:
        with lab_of() as lab:
            way(lab)
            found.append(recorded(lab.cycles))
            assert not lab.state.running
    assert [cycle.id for cycle in found[0]] == list(range(1, 21))
    assert any(cycle.executions for cycle in found[0])
    for other in found[1:]:
        assert other == found[0]


def test_steps_return_what_was_made_and_until_stops(lab_of: MakeLab) -> None:
    lab = lab_of()
    kinds = [type(lab.step("phase")) for _ in range(5)]
    assert kinds == [Observation, Diagnosis, Plan, tuple, Cycle]
    cycle = lab.step()
    assert isinstance(cycle, Cycle)
    assert cycle.id == 2
    assert [each.id for each in lab.run(9, until=lambda state: state.cycles_done == 5)] == [3, 4, 5]
    with pytest.raises(LabError, match='"cycle" or a "phase"'):
        lab.step("week")  # type: ignore[arg-type] # on purpose
    with pytest.raises(CommandError, match="number of cycles is 0"):
        lab.run(0)


def test_a_person_acts_undoes_and_is_refused_in_one_sentence(lab_of: MakeLab) -> None:
    lab = lab_of(planner="static")
    lab.step()
    done = lab.scale("payments", 3)
    assert (done.outcome, done.origin) == (Outcome.APPLIED, Origin.PERSON)
    assert lab.undo(done).undoes == done.id
    assert lab.what_if(marskit.Scale("orders", 3)).dry_run.command.startswith("kubectl")
    route = lab.state.configuration.routes[0] if lab.state.configuration else None
    assert route is not None
    assert lab.set_timeout(route.virtual_service, 900, index=route.index).outcome is Outcome.APPLIED
    for wrong, said in (
        (lambda: lab.scale("nobody", 3), "'nobody' is not a workload; choose one of"),
        (lambda: lab.slow("nobody"), "'nobody' is not a workload"),
        (lambda: lab.shift("nobody", {"v1": 100}), "is not a VirtualService"),
        (lambda: lab.set_outlier_detection("nobody", None), "is not one DestinationRule"),
        (lambda: lab.frame("nobody"), "There is no table 'nobody'; choose one of cycles"),
        (lambda: lab.mode("nobody"), "Unknown mode 'nobody'; choose one of auto"),
        (lambda: lab.planner("nobody"), "Unknown planner 'nobody'"),
        (lambda: lab.approve(), "No plan awaits approval"),
        (lambda: lab.scenario("nobody"), "nobody"),
        (lambda: lab.pace(-1), "The pace is -1"),
    ):
        with pytest.raises(UserError, match=said) as caught:
            wrong()
        assert caught.value._render_traceback_() == [str(caught.value)]
    assert lab.step().id == 2  # type: ignore[union-attr] # a cycle


def test_faults_load_and_modes_are_in_force_when_their_methods_return(lab_of: MakeLab) -> None:
    lab = lab_of(planner="static")
    lab.run(2)
    lab.slow("payments", 2.5)
    assert lab.state.faults == (SlowDown("payments", 2.5),)
    lab.errors("payments", 5)
    lab.delay("payments", 20)
    lab.hang("orders")
    assert len(lab.state.faults) == 4
    lab.clear()
    lab.kill("payments")
    assert not lab.state.faults
    lab.load(2.0)
    lab.scenario("ramp")
    lab.mode("recommend")
    lab.planner("hpa")
    assert (lab.state.mode, lab.state.planner) == (Mode.RECOMMEND, "hpa")
    assert lab.state.started is not None
    assert lab.state.started.scenario.name == "ramp"


def test_a_plan_that_awaits_approval_is_approved_or_rejected(lab_of: MakeLab) -> None:
    lab = lab_of(mode="approve")
    lab.load(3.0)
    while not (lab.state.cycle and lab.state.cycle.awaiting_approval):
        lab.step()
        assert lab.state.cycles_done < 30
    waiting = lab.state.cycle.id
    lab.replan()
    lab.approve()
    assert lab.cycles[-1].id == waiting
    assert lab.cycles[-1].executions[-1].outcome is Outcome.APPLIED
    while not lab.state.cycle.awaiting_approval:
        lab.step("phase")
        assert lab.state.cycles_done < 60
    lab.reject()
    assert lab.state.executions[-1].outcome is Outcome.WITHHELD


def test_frames_hold_every_completed_cycle_and_the_record_outlives_the_lab(lab_of: MakeLab) -> None:
    lab = lab_of()
    lab.run(4)
    assert lab.frame()["cycle"].to_list() == [1, 2, 3, 4]
    assert lab.frame("services").height > 4
    lab.close()
    lab.close()
    assert lab.frame()["cycle"].to_list() == [1, 2, 3, 4]
    assert "4 cycles" in lab.report().text
    with pytest.raises(UserError, match="The run has ended"):
        lab.step()


def test_the_same_name_closes_the_former_lab_and_what_hangs_on_it(lab_of: MakeLab) -> None:
    first = lab_of(name="one")
    other = lab_of(name="two")
    first.ready()
    told: list[str] = []
    first.at_close(lambda: told.append("closed"))
    first.at_close(lambda: 1 / 0)
    second = lab_of(name="one")
    assert first.state.ended is not None
    assert told == ["closed"]
    other.step()
    second.step()


def test_an_interrupt_pauses_and_the_lab_lives(lab_of: MakeLab) -> None:
    lab = lab_of(pace=5.0)
    lab.step()
    threading.Timer(0.7, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        lab.run(500)
    assert not lab.state.running
    done = lab.state.cycles_done
    lab.step()
    assert lab.state.cycles_done == done + 1


def test_it_runs_by_itself_at_a_pace_until_paused(lab_of: MakeLab) -> None:
    lab = lab_of()
    lab.start()
    assert lab.state.running
    assert lab.state.pace == LIVE_PACE
    lab.pause()
    assert not lab.state.running
    lab.step()
    assert lab.state.pace is None


def test_its_own_thread_is_refused_instead_of_waiting_for_itself(lab_of: MakeLab) -> None:
    lab = lab_of()
    caught: list[BaseException] = []

    def sink(event: object) -> None:
        if isinstance(event, CycleCompleted):
            for call in (lab.step, lab.close, lab.pause):
                try:
                    call()
                except LabError as error:
                    caught.append(error)

    lab.runtime.subscribe(sink)
    lab.step()
    assert ["own run" in str(each) for each in caught] == [True] * 3


def test_what_is_late_is_told_and_goes_on(lab_of: MakeLab) -> None:
    lab = lab_of(pace=0.1)
    lab.ready()
    with pytest.raises(LabError, match=r"took longer than 0\.2 s; the lab goes on"):
        lab._wait(lambda state: state.cycles_done > 5, "Waiting", 0.2)
    lab.pace(None)
    lab.step()


def test_what_cannot_be_begun_is_refused_at_once_or_by_the_first_call(
    lab_of: MakeLab, tmp_path: Path
) -> None:
    for given, said in (
        ({"mesh": "cluster"}, "on a cluster is not there yet; choose one of envoy, twin"),
        ({"mesh": "moon"}, "Unknown mesh 'moon'"),
        ({"planner": "nobody"}, "Unknown planner 'nobody'"),
        ({"scenario": "nobody"}, 'Unknown scenario "nobody"'),
        ({"seed": -1}, "the seed is -1"),
        ({"mode": "nobody"}, "Unknown mode"),
        ({"runs": Path(os.__file__).parent / "runs"}, "among installed packages"),
    ):
        with pytest.raises(UserError, match=said):
            lab_of(**given)
    late = lab_of(manifests=tmp_path / "nothing")
    with pytest.raises(LabError, match="nothing"):
        late.step()


def test_runs_stay_where_they_were_when_the_folder_changes(
    lab_of: MakeLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lab = lab_of(runs=None)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    lab.step()
    assert lab.frame().height == 1
    assert (tmp_path / "runs").is_dir()


def test_the_import_loads_nothing_heavy_and_a_lab_no_widgets(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LIGHT, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    light, made = (set(each) for each in json.loads(ran.stdout))
    assert {each for each in light if each.startswith("marskit")} == {"marskit"}
    assert "marskit.lab.lab" in made
    heavy = {"ipywidgets", "anywidget", "IPython", "polars", "torch", "textual", "locust", "gevent", "pandas"}
    assert not light & heavy
    # The run itself reads earlier runs with Polars, on a thread of its own and not at once.
    assert not made & (heavy - {"polars"})


def test_a_script_that_forgets_to_close_ends_its_run_well(tmp_path: Path) -> None:
    script = "import sys, marskit as mk\nlab = mk.Lab('twin', runs=sys.argv[1], preview=False)\nlab.run(2)\n"
    begun_s = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert time.monotonic() - begun_s < 50
    from marskit.knowledge.read.runs import list_runs

    (run,) = list_runs(tmp_path).runs
    assert run.figures.cycles == 2
    assert not run.shortfalls
