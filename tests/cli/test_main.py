import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from marskit import __version__
from marskit.cli.main import COMMANDS, main
from marskit.domain.events import Event, RunEnded
from marskit.domain.loop_events import CycleCompleted
from marskit.knowledge.format.codec import loads
from marskit.knowledge.read.runs import list_runs
from tests.knowledge.cycles import cycle
from tests.knowledge.test_parquet import store
from tests.paths import ROOT

HEAVY = ("torch", "stable_baselines3", "numba", "locust", "gevent", "pandas", "kubernetes")
SLOW = ("textual", "polars", "httpx", "aiohttp", "rich", "yaml", "asyncio", "numpy")

FAKE = """
import sys
from pathlib import Path
from marskit.cli.main import main
from marskit.cli import run
from tests.rigs import RealTimeRig

async def build(settings):
    return await RealTimeRig(runs=settings.runs).build()

run._build = build
sys.exit(main(sys.argv[1:]))
"""


def marskit(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "main.py", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60
    )


def headless(*arguments: str) -> "subprocess.Popen[str]":
    """The command line over a fake mesh."""
    return subprocess.Popen(
        [sys.executable, "-c", FAKE, "--headless", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("arguments", "forbidden"),
    [
        (["--help"], HEAVY + SLOW),
        (["run", "--help"], HEAVY + SLOW),
        (["compare", "--help"], HEAVY + SLOW),
        (["train", "--help"], HEAVY + SLOW),
        (["ask", "--help"], HEAVY + SLOW),
        (["--planner", "magic"], HEAVY + SLOW[:-2]),
        (["check"], (*HEAVY, "textual", "polars", "httpx", "aiohttp")),
        (["scenarios"], (*HEAVY, "textual", "polars", "httpx", "aiohttp")),
        (["runs"], (*HEAVY, "textual", "httpx", "aiohttp")),
        (["calibrate", "last"], (*(set(HEAVY) - {"numba"}), "textual", "httpx", "aiohttp")),
    ],
)
def test_a_command_loads_only_what_it_needs(
    tmp_path: Path, arguments: list[str], forbidden: tuple[str, ...]
) -> None:
    code = (
        "import atexit, sys; from marskit.cli.main import main; "
        f"atexit.register(lambda: print('loaded', *[m for m in {forbidden!r} if m in sys.modules])); "
        f"sys.exit(main({arguments!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.splitlines()[-1] == "loaded"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            "--planner magic",
            "Unknown planner 'magic'; choose one of static, threshold, resilience, hpa",
        ),
        ("--scenario calm", 'Unknown scenario "calm"; choose canary, diurnal, flash-crowd'),
        ("--mode wild", "invalid choice: 'wild' (choose from 'auto', 'recommend', 'approve', 'freeze')"),
        ("--mesh other", "invalid choice: 'other' (choose from 'envoy', 'twin')"),
        ("--seed -1", "the seed is -1; it must be from 0 to 9223372036854775807"),
        ("train --seed 4294967296", "--seed is 4294967296; for a training it must be from 0 to 4294967295"),
        ("--seed x", "Argument --seed: invalid int value: 'x'"),
        ("--period 0", "the period is 0 s; it must be from 0.2 to 3600"),
        ("--gateway-port 70000", "the gateway port is 70000; it must be from 1 to 65535"),
        ("--locust-workers 65", "the number of Locust workers is 65; it must be from 0 to 64"),
        ("--pace 10", "the mesh envoy runs in real time; --pace needs --mesh twin"),
        ("--mesh twin --pace 0", "the pace is 0; it must be from 0.1 to 1000"),
        ("--mesh twin --gateway-port 80", "the twin has no port; --gateway-port cannot be used with"),
        ("--mesh twin --locust-workers 2", "the twin runs without Locust; --locust-workers cannot be used"),
        ("--headless --keep-days 0", "--keep-days is 0; it must be above 0 and below 36500"),
        ("--headless --keep-size much", "--keep-size is 'much'; it must be a number with KB, MB, GB or TB"),
        ("--json", "--json needs --headless"),
        ("--cycles 3", "--cycles needs --headless"),
        (
            "--runs /nowhere",
            "The screen needs a terminal for input, output and errors; without one, run --headless",
        ),
        ("--headless --cycles 0", "--cycles is 0; it must be 1 or more"),
        ("--headless --mode approve", "--mode approve needs a person to approve"),
        ("--headless --manifests /nowhere", "/nowhere"),
        ("--headless --mapping /nowhere", "/nowhere"),
        ("--headless --runs /dev/null", "Runs cannot be stored in /dev/null: it is not a folder"),
        ("check /nowhere", "/nowhere"),
        ("check --scenario calm", 'Unknown scenario "calm"'),
        ("report 2026 --runs /nowhere", "/nowhere contains no runs"),
        ("--bogus", "`marskit run` does not take --bogus"),
        ("run --bogus", "`marskit run` does not take --bogus"),
        (
            "--planner nonsense planners",
            "`marskit run` does not take planners; options come after",
        ),
        (
            "--runs /tmp report last",
            "`marskit run` does not take report, last; options come",
        ),
        ("planners --planner static", "`marskit planners` does not take --planner"),
        ("scenarios --cycles 7", "`marskit scenarios` does not take --cycles, 7"),
        ("check --seed 1", "`marskit check` does not take --seed"),
        ("report last --headless", "`marskit report` does not take --headless"),
        ("runs --json", "`marskit runs` does not take --json"),
        ("ask --card card.toml", "`marskit ask` does not take --card"),
        ("compare --planner hpa", "`marskit compare` does not take --planner, hpa"),
        ("completion tcsh", "invalid choice: 'tcsh' (choose from 'bash', 'zsh', 'fish')"),
        ("calibrate last --runs /nowhere", "/nowhere contains no runs"),
        (
            "calibrate last --out /nowhere/card.toml",
            "--out is /nowhere/card.toml; it must be a file in a folder",
        ),
        ("calibrate last --manifests /nowhere", "/nowhere"),
        (
            "bogus",
            "There is no command 'bogus'; choose one of run, check, planners, scenarios, runs, report",
        ),
        ("report", "The following arguments are required: RUN"),
    ],
)
def test_wrong_input_is_refused_in_one_sentence(arguments: str, sentence: str) -> None:
    done = marskit(*arguments.split())
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("marskit: ")
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith(".\n")
    assert sentence in done.stderr


def test_a_fault_of_the_program_is_not_called_wrong_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(parsed: argparse.Namespace) -> int:
        raise ValueError("shapes (3,) and (4,)")

    monkeypatch.setattr("marskit.cli.scenarios.run", broken)
    assert main(["scenarios"]) == 1
    *lines, last = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("Traceback")
    assert last == "marskit: This is a fault of marskit, not of your input: ValueError: shapes (3,) and (4,)."


def test_the_default_command_has_a_name() -> None:
    run = marskit("run", "--help")
    assert "--headless" in run.stdout
    program = marskit("--help")
    assert all(f"\n  {name} " in program.stdout for name in COMMANDS)
    assert "--headless" not in program.stdout


def test_the_version() -> None:
    assert marskit("--version").stdout == f"marskit {__version__}\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("marskit re", {"report", "replay"}),
        ("marskit --plan", {"--planner"}),
        ("marskit --planner hp", {"hpa"}),
        ("marskit run --scenario sp", {"spike"}),
        ("marskit compare --sc", {"--scenarios"}),
        ("marskit report la", {"last"}),
        ("marskit completion ", {"bash", "zsh", "fish"}),
    ],
)
def test_a_shell_completes(tmp_path: Path, line: str, expected: set[str]) -> None:
    answer = tmp_path / "answer"
    asked = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n", "_ARGCOMPLETE_STDOUT_FILENAME": str(answer)}
    where = {"COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_TYPE": "9"}
    done = subprocess.run(
        [sys.executable, "main.py"], cwd=ROOT, env=os.environ | asked | where, timeout=60, check=False
    )
    assert done.returncode == 0
    assert expected <= {word.strip() for word in answer.read_text().splitlines()}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_its_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "marskit" in script
    assert "_ARGCOMPLETE" in script


def test_the_demo_is_written_out_to_be_edited(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "mine"
    assert main(["demo", "export", str(folder)]) == 0
    command = capsys.readouterr().out.splitlines()[-1].split()
    assert command[0] == "marskit"
    paths = [word for word in command[1:] if not word.startswith("--")]
    assert main(["check", *paths[:-1], "--scenario", paths[-1]]) == 0
    assert main(["demo", "export", str(folder)]) == 2
    assert capsys.readouterr().err.endswith("the demo is written to an empty or a new one.\n")


def test_the_lists(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["planners"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "static",
        "threshold",
        "resilience",
        "hpa",
        "demand",
        "lookahead",
        "ppo",
        "sac",
        "oracle",
    ]
    assert main(["scenarios"]) == 0
    assert "spike" in [line.split()[0] for line in capsys.readouterr().out.splitlines()]


def test_checking_the_demo_says_what_was_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    manifests, edges, slos, scenario, *_ = capsys.readouterr().out.splitlines()
    assert manifests.startswith("manifests  4 Deployments, 3 Services, 1 Gateway")
    assert "ingress → orders" in edges
    assert "orders (p95 below" in slos
    assert scenario.startswith("scenario   spike: ")


async def test_runs_and_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = await store(tmp_path, [cycle(1), cycle(2, met=False)])
    (tmp_path / f"run={run}" / "notes.txt").write_text("mine")
    assert main(["runs", "--runs", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert run in captured.out
    assert "notes.txt" in captured.err
    assert main(["report", "last", "--runs", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    without_end, second, *_ = captured.out.splitlines()
    assert without_end.startswith("✖ The record has no end")
    assert second.startswith(f"run {run}: spike")
    assert "notes.txt" in captured.err


def test_a_folder_without_runs_is_no_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--runs", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path} contains no runs.\n"


def test_json_goes_out_line_by_line(tmp_path: Path) -> None:
    process = headless("--json", "--cycles", "3", "--runs", str(tmp_path))
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert err == ""
    events = [loads(line, Event) for line in out.splitlines()]
    assert sum(isinstance(event, CycleCompleted) for event in events) == 3
    assert isinstance(events[-1], RunEnded)
    assert json.loads(out.splitlines()[0])["kind"] == "RunStarted"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_the_run_cleanly(tmp_path: Path, number: signal.Signals, code: int) -> None:
    process = headless("--cycles", "1000000", "--runs", str(tmp_path))
    assert process.stdout is not None
    while "VIOLATED" not in (line := process.stdout.readline()) and " met " not in line and "—" not in line:
        assert line
    process.send_signal(number)
    try:
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == code
    assert err == ""
    assert "SLO at the end" in out
    listed = list_runs(tmp_path)
    assert listed.unreadable == ()
    assert listed.runs[0].figures.cycles >= 1
    parts = list((tmp_path / f"run={listed.runs[0].run}").glob("cycles-*.parquet"))
    assert len(parts) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
@pytest.mark.parametrize("arguments", [["runs"], ["--headless"], ["--headless", "--json"]])
def test_an_output_that_is_full_is_told_in_one_sentence(tmp_path: Path, arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", FAKE, *arguments, "--runs", str(tmp_path)],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert done.returncode == 1
    assert done.stderr == "marskit: The output cannot be written: No space left on device.\n"


def test_a_reader_that_goes_away_ends_the_run_without_a_word(tmp_path: Path) -> None:
    process = headless("--json", "--cycles", "1000000", "--runs", str(tmp_path))
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == ""
    assert process.wait(60) == 141
    assert list_runs(tmp_path).unreadable == ()
