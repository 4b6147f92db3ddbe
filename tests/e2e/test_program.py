"""The whole program as a person starts it, on the real mesh under the real load."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from marskit.domain.events import CycleCompleted, Event, MeshReady
from marskit.domain.records import Cycle, Outcome
from marskit.knowledge.codec import loads
from marskit.knowledge.queries import find_run, list_runs, load_run

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.e2e, pytest.mark.mesh]


def start(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "main.py", "--headless", "--json", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def cycles_of(output: str) -> list[Cycle]:
    events: list[Event] = [loads(line, Event) for line in output.splitlines()]
    return [event.cycle for event in events if isinstance(event, CycleCompleted)]


def read_until(process: "subprocess.Popen[str]", kind: type[Event]) -> Event:
    assert process.stdout is not None
    for line in process.stdout:
        event: Event = loads(line, Event)
        if isinstance(event, kind):
            return event
    raise AssertionError(f"it ended before {kind.__name__}: {process.communicate()[1]}")


def gone(processes: list[psutil.Process], within_s: float) -> list[psutil.Process]:
    """Those that are still alive after that time."""
    return psutil.wait_procs(processes, timeout=within_s)[1]


def test_threshold_answers_the_spike(tmp_path: Path) -> None:
    process = start("--scenario", "spike", "--cycles", "20", "--runs", str(tmp_path))
    out, err = process.communicate(timeout=110)
    assert (process.returncode, err) == (0, "")
    cycles = cycles_of(out)
    assert len(cycles) == 20
    missed = [cycle.id for cycle in cycles if cycle.diagnosis.slo_met is False]
    assert missed
    answered = [c.id for c in cycles if any(e.outcome is Outcome.APPLIED for e in c.executions)]
    assert missed[0] <= answered[0] <= missed[-1] + 1
    assert all(cycle.diagnosis.slo_met for cycle in cycles[-3:])
    stored = load_run(tmp_path, find_run(tmp_path, "last"))
    assert [record.cycle for record in stored.records] == cycles


def test_static_does_not_recover_while_the_spike_lasts(tmp_path: Path) -> None:
    process = start("--planner", "static", "--cycles", "14", "--runs", str(tmp_path))
    out, err = process.communicate(timeout=100)
    assert (process.returncode, err) == (0, "")
    cycles = cycles_of(out)
    # The spike lasts from 45 to 255 s of the scenario; queues need a moment to fill.
    during = [c for c in cycles if c.observation.load and 90 <= c.observation.load.scenario_s <= 255]
    assert len(during) >= 8
    assert all(cycle.diagnosis.slo_met is False for cycle in during)
    assert all(not cycle.executions for cycle in cycles)


def test_two_runs_live_side_by_side_and_a_killed_one_leaves_nothing(tmp_path: Path) -> None:
    killed = start("--cycles", "100", "--runs", str(tmp_path))
    other = start("--cycles", "4", "--runs", str(tmp_path))
    try:
        ready = [read_until(process, MeshReady) for process in (killed, other)]
        assert ready[0] != ready[1]
        done = read_until(killed, CycleCompleted)
        assert isinstance(done, CycleCompleted)
        children = psutil.Process(killed.pid).children(recursive=True)
        assert len(children) > 4
        os.kill(killed.pid, signal.SIGKILL)
        assert gone(children, 3.0) == []
        assert other.communicate(timeout=60)[1] == ""
        assert other.returncode == 0
    finally:
        for process in (killed, other):
            process.kill()
            process.communicate()
    listed = list_runs(tmp_path)
    assert listed.unreadable == ()
    assert sorted(run.figures.cycles for run in listed.runs)[0] >= done.cycle.id
    assert len(listed.runs) == 2


def test_a_signal_ends_everything(tmp_path: Path) -> None:
    process = start("--cycles", "100", "--runs", str(tmp_path))
    try:
        read_until(process, CycleCompleted)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
        assert gone(children, 3.0) == []
    finally:
        process.kill()
    assert (process.returncode, err) == (143, "")
    assert out.splitlines()[-1].startswith('{"kind":"RunEnded"')


def test_a_port_in_use_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        began_s = time.monotonic()
        process = start("--gateway-port", str(port), "--runs", str(tmp_path))
        _, err = process.communicate(timeout=60)
    assert process.returncode in (1, 2)
    assert err.count("\n") == 1
    assert str(port) in err
    assert time.monotonic() - began_s < 20
