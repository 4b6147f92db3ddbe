"""Every way to end a run that is not a kill: the same clean stop, and the exit code that a shell expects."""

import signal
from pathlib import Path

import pytest

from marskit.domain.events import Progressed, RunEnded
from marskit.domain.records import Cycle
from marskit.knowledge.read.runs import list_runs, load_run
from tests.e2e.program import START_S, Program, wait_for
from tests.e2e.terminal import ENTERED, LEFT, Terminal

pytestmark = [pytest.mark.e2e, pytest.mark.mesh, pytest.mark.xdist_group("e2e")]

ENDLESS = ("--headless", "--json", "--period", "0.5", "--cycles", "100000")


def recorded(program: Program) -> list[Cycle]:
    """The cycles that are stored, which lie merged in one file after a clean end."""
    listed = list_runs(program.runs)
    assert listed.unreadable == ()
    (run,) = listed.runs
    assert len(list(program.runs.glob("*/cycles-*.parquet"))) == 1
    return [record.cycle for record in load_run(program.runs, run.run).records]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_a_run(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with Program(tmp_path / "home", *ENDLESS) as program:
        program.wait_for_cycles(2)
        program.popen.send_signal(number)
        assert (program.end(), program.err) == (code, [])
        program.assert_nothing_left()
        assert program.events(RunEnded)[0].reason is None
        assert recorded(program) == program.cycles


def test_a_signal_ends_a_start(tmp_path: Path) -> None:
    with Program(tmp_path / "home", *ENDLESS) as program:
        wait_for("the first step", lambda: program.events(Progressed), START_S)
        program.popen.terminate()
        assert (program.end(), program.err) == (143, [])
        program.assert_nothing_left()
        assert program.cycles == []


def test_closing_the_terminal_ends_a_run_without_a_screen(tmp_path: Path) -> None:
    with Terminal(tmp_path / "home", "--headless", "--period", "0.5", "--cycles", "100000") as terminal:
        terminal.wait_for_text("SLO")
        wait_for("two cycles", lambda: any(terminal.runs.glob("*/events-000002-*.parquet")), START_S)
        terminal.close()
        assert terminal.end() == 129
        terminal.assert_nothing_left()
        assert len(recorded(terminal)) >= 2


def test_closing_the_terminal_ends_the_screen(tmp_path: Path) -> None:
    with Terminal(tmp_path / "home", "--period", "0.5") as terminal:
        terminal.wait_for_text("payments")
        terminal.press(" ")
        wait_for("two cycles", lambda: any(terminal.runs.glob("*/events-000002-*.parquet")), START_S)
        terminal.close()
        assert terminal.end() == 129
        terminal.assert_nothing_left()
        assert len(recorded(terminal)) >= 2


def test_a_signal_ends_the_screen_and_gives_the_terminal_back(tmp_path: Path) -> None:
    with Terminal(tmp_path / "home") as terminal:
        terminal.wait_for_text("payments")
        terminal.popen.terminate()
        assert terminal.end() == 143
        assert terminal.drawn.index(ENTERED) < terminal.drawn.index(LEFT)
        terminal.assert_nothing_left()


@pytest.mark.parametrize("key", ["q", "\x03"], ids=["q", "ctrl+c"])
def test_a_key_ends_the_screen(tmp_path: Path, key: str) -> None:
    with Terminal(tmp_path / "home") as terminal:
        # Before the mesh is live, nothing is asked.
        terminal.wait_for_text("p95 ")
        terminal.press(key)
        terminal.wait_for_text("Stop the load")
        terminal.press(key)
        assert terminal.end() == 0
        assert terminal.drawn.index(ENTERED) < terminal.drawn.index(LEFT)
        terminal.assert_nothing_left()
