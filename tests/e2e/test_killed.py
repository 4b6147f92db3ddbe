"""`kill -9` of marskit at any moment: nothing of it is left, and what it acknowledged can be read."""

import subprocess
import sys
from pathlib import Path

import pytest

from marskit.domain.events import MeshReady
from marskit.knowledge.read.runs import list_runs, load_run
from marskit.system.free_ports import is_free
from tests.e2e.program import GONE_S, START_S, Program, free_port, wait_for
from tests.e2e.terminal import Terminal
from tests.paths import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.mesh, pytest.mark.xdist_group("e2e"), pytest.mark.timeout(240)]

ENDLESS = ("--headless", "--json", "--period", "0.5", "--cycles", "100000")


def marskit(*arguments: str) -> list[str]:
    """What a command says that only reads."""
    done = subprocess.run(
        [sys.executable, "main.py", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=START_S
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def assert_free(port: int) -> None:
    wait_for(f"port {port} free", lambda: is_free(port), GONE_S)


def test_a_killed_run_leaves_nothing_and_its_neighbour_alone(tmp_path: Path) -> None:
    runs, port = tmp_path / "runs", free_port()
    with (
        Program(tmp_path / "killed", *ENDLESS, "--gateway-port", str(port), runs=runs) as killed,
        Program(tmp_path / "other", *ENDLESS, "--planner", "static", runs=runs) as other,
    ):
        killed.wait_for_cycles(5)
        other.wait_for_cycles(5)
        assert killed.events(MeshReady)[0].gateway_url.endswith(f":{port}")
        assert not is_free(port)
        # Guards, Locust, Envoy and a replica of each of the four workloads, besides marskit itself.
        assert len(killed.family()) > 8
        theirs = other.family().keys()

        killed.kill()
        killed.assert_nothing_left()
        assert_free(port)

        before = len(other.cycles)
        other.wait_for_cycles(before + 3)
        assert theirs <= other.family().keys()
        other.popen.terminate()
        assert (other.end(), other.err) == (143, [])
        other.assert_nothing_left()

    listed = list_runs(runs)
    assert listed.unreadable == ()
    stored = {run.planner: load_run(runs, run.run) for run in listed.runs}
    assert [record.cycle for record in stored["static"].records] == other.cycles
    # The last cycle may be on the disk without having been told.
    told = [record.cycle for record in stored["threshold"].records][: len(killed.cycles)]
    assert told == killed.cycles

    run = stored["threshold"].started.run
    assert any(line.startswith(run) for line in marskit("runs", "--runs", str(runs)))
    first, second, *_ = marskit("report", run, "--runs", str(runs))
    assert first == "✖ The record has no end: the run was killed, or its end could not be recorded."
    assert second.startswith(f"run {run}: spike")


def test_a_killed_screen_leaves_nothing_and_loses_no_cycle(tmp_path: Path) -> None:
    port = free_port()
    with Terminal(tmp_path / "home", "--period", "0.5", "--gateway-port", str(port)) as terminal:
        terminal.wait_for_text("payments")
        terminal.press(" ")
        wait_for("three cycles", lambda: any(terminal.runs.glob("*/events-000003-*.parquet")), START_S)
        terminal.kill()
        terminal.assert_nothing_left()
        assert_free(port)
    listed = list_runs(terminal.runs)
    assert listed.unreadable == ()
    (run,) = listed.runs
    numbers = [record.cycle.id for record in load_run(terminal.runs, run.run).records]
    assert len(numbers) >= 3
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("child", ["reaper.py", "-m locust", "bootstrap.json", "payments/server.js"])
def test_killed_while_it_starts_it_leaves_nothing(tmp_path: Path, child: str) -> None:
    with Program(tmp_path / "home", *ENDLESS) as program:
        wait_for(child, lambda: program.children(child), START_S)
        program.kill()
        program.assert_nothing_left()
        assert program.err == []
