"""A planner of a person's own by the command line: written, listed, run, compared and branched to."""

import json
from pathlib import Path

import pytest

from benchmarks.live_loop import write_scenario
from marskit.cli.main import main
from tests.paths import ROOT
from tests.plugins.processes import left
from tests.replay.runs import twin_run

HOSTILE = ROOT / "tests" / "plugins" / "hostile.py"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the command prints when all goes well."""
    assert main(arguments) == 0, capsys.readouterr().err
    assert not left()
    return capsys.readouterr().out


@pytest.mark.parametrize("name", ["MyPlanner", "my-planner", "my_planner"])
def test_the_template_works_as_it_is(name: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = told(capsys, "planners", "new", name)
    assert said == "Wrote my_planner.py. Run it with: marskit --planner my_planner.py:MyPlanner\n"
    if name != "MyPlanner":
        return
    run = ("--headless", "--json", "--mesh", "twin", "--cycles", "9")
    events = told(capsys, *run, "--planner", "my_planner.py:MyPlanner").splitlines()
    cycles = [json.loads(line)["cycle"] for line in events if line.startswith('{"kind":"CycleCompleted"')]
    assert len(cycles) == 9
    scaled = [cycle for cycle in cycles if cycle["executions"]]
    assert scaled
    assert "payments is the bottleneck" in scaled[0]["plan"]["reason"]
    # Predicted like the plan of any other planner.
    assert scaled[-1]["plan"]["prediction"] is not None
    # It may be chosen again after another one was.
    assert json.loads(events[0])["planners"][-1] == "my_planner.py:MyPlanner"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("planners", "new", "3x"), "A planner cannot be called '3x'; letters, digits, - and _ are allowed."),
        (("planners", "new", "class"), "there.py already exists"),
        (("planners", "old", "x"), "`marskit planners old x` is not understood"),
        (("planners", "--out", "x.py"), "--out goes with `marskit planners new NAME`."),
        (("planners", "new", "x", "--out", "x.txt"), "--out is x.txt; it must end in .py."),
        (
            ("planners", "new", "x", "--out", "no/x.py"),
            "no/x.py cannot be written: No such file or directory.",
        ),
        (("--headless", "--planner", "nowhere.py:X"), "The file nowhere.py for the planner X does not exist"),
        (
            ("--headless", "--mesh", "twin", "--planner", f"{HOSTILE}:NameRaises"),
            "its name raised RuntimeError",
        ),
        (("--headless", "--planner-deadline", "0"), "the planner's deadline is 0 s; it must be from 0.01"),
        (("compare", "--planners", f"{HOSTILE}:ResetRaises"), "its reset raised RuntimeError: no reset"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(
    arguments: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("there.py").touch()
    if arguments[-1] == "class":
        arguments = (*arguments, "--out", "there.py")
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.err.startswith("marskit: ")
    assert said.err.count("\n") == 1
    assert sentence in said.err
    assert said.out == ""
    assert not Path("runs").exists() or not list(Path("runs").iterdir())
    assert not left()


def test_it_is_compared_in_processes_of_their_own(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = f"static,{HOSTILE}:Good,{HOSTILE}:Raises"
    arrival = 'kind = "steady"\nbase_requests_per_s = 110'
    scenario = write_scenario(here, "short", duration_s=120.0, speed=7.5, arrival=arrival)
    grid = ("--scenarios", str(scenario), "--seeds", "3", "--engine", "fast", "--out", str(here / "out"))
    said = told(capsys, "compare", "--planners", names, *grid)
    assert "1 scenarios × 1 seeds" in said
    outcomes = pytest.importorskip("polars").read_parquet(here / "out" / "outcomes.parquet")
    actions = dict(outcomes.select("planner", "actions").iter_rows())
    assert actions["static"] == actions[f"{HOSTILE}:Raises"] == 0
    assert actions[f"{HOSTILE}:Good"] > 0
    assert outcomes["reproducible"].all()


def test_a_run_is_branched_to_it(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    twin_run(here / "runs", cycles=8, preview=False)
    branch = ("replay", "last", "--headless", "--json", "--at", "5", "--branch", f"{HOSTILE}:Good")
    last = json.loads(told(capsys, *branch).splitlines()[-1])
    assert last["kind"] == "Branched"
    assert last["branch"]["planner"] == f"{HOSTILE}:Good"
    assert last["branch"]["headline"]["actions"] > 0
