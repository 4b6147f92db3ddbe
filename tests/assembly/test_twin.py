"""The whole loop on the twin: the program as it is, in virtual time."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from marskit.assembly.bootstrap import build
from marskit.assembly.settings import Settings
from marskit.controller.batch import Ending, run_headless
from marskit.domain.events import Event, MeshReady, Observed, RunStarted
from marskit.domain.load import LoadStatus
from marskit.domain.loop_events import CycleCompleted
from marskit.domain.records import Cycle, Outcome
from marskit.knowledge.read.runs import find_run, load_run
from marskit.load.scenario import load_scenario
from marskit.timing.virtual_loop import VirtualLoop
from tests.controller.test_batch import Collector
from tests.e2e.test_spike import within_spike
from tests.paths import ROOT

SPIKE_CYCLES = 18
"""The spike is over in the last of them."""
Live = Callable[..., list[Event]]


@pytest.fixture
def live(tmp_path: Path) -> Live:
    """Runs so many cycles of a run with these settings and returns all that was told."""

    def live(*, cycles: int, pace: float | None = None, **settings: object) -> list[Event]:
        teller = Collector()
        given = replace(Settings(mesh="twin", runs=tmp_path), **settings)  # type: ignore[arg-type] # as given
        ending = run_headless(
            partial(build, given), teller, cycles=cycles, loop_factory=partial(VirtualLoop, pace)
        )
        assert ending == Ending(0)
        return teller.events

    return live


def cycles_of(events: list[Event]) -> list[Cycle]:
    return [event.cycle for event in events if isinstance(event, CycleCompleted)]


def of_any_run(events: list[Event]) -> list[Event]:
    """The events without what differs from run to run: its id, its pace and what it cost."""
    same: list[Event] = []
    for event in events:
        match event:
            case RunStarted():
                same.append(replace(event, run="", pace=None))
            case CycleCompleted(cycle):
                same.append(CycleCompleted(replace(cycle, cpu_ms=0.0)))
            case _:
                same.append(event)
    return same


def test_the_same_seed_gives_the_same_run_at_any_pace_and_another_seed_another(live: Live) -> None:
    first, again = live(cycles=10, seed=5), live(cycles=10, seed=5)
    assert of_any_run(first) == of_any_run(again)
    assert of_any_run(first) == of_any_run(live(cycles=10, seed=5, pace=100.0))
    other = of_any_run(live(cycles=10, seed=6))
    assert [e for e in other if isinstance(e, Observed)] != [e for e in first if isinstance(e, Observed)]


def test_the_same_seed_gives_the_same_lines_in_another_process(tmp_path: Path) -> None:
    arguments = ("--mesh", "twin", "--headless", "--json", "--cycles", "8", "--seed", "5")

    def lines(hash_seed: int) -> list[str]:
        done = subprocess.run(
            [sys.executable, "main.py", *arguments, "--runs", str(tmp_path)],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": str(hash_seed)},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return re.sub(r'"run":"[^"]*"|"cpu_ms":[0-9.e-]+', "", done.stdout).splitlines()

    first = lines(1)
    assert sum('"cycle_completed"' in line or "CycleCompleted" in line for line in first) == 8
    assert first == lines(2)


def test_a_run_ends_with_its_last_cycle_and_stores_all_of_them(live: Live, tmp_path: Path) -> None:
    events = live(cycles=7)
    cycles = cycles_of(events)
    assert [cycle.id for cycle in cycles] == list(range(1, 8))
    assert [cycle.started_at_s for cycle in cycles] == [2.0 * n for n in range(7)]
    assert not any(
        isinstance(event, Observed) for event in events[events.index(CycleCompleted(cycles[-1])) :]
    )
    stored = load_run(tmp_path, find_run(tmp_path, "last"))
    assert [record.cycle for record in stored.records] == cycles


def test_threshold_ends_the_violation_within_the_spike_and_static_does_not(live: Live) -> None:
    spike = load_scenario("spike")
    acting = within_spike(cycles_of(live(cycles=SPIKE_CYCLES, planner="threshold")), spike)
    idle = within_spike(cycles_of(live(cycles=SPIKE_CYCLES, planner="static")), spike)
    assert len(acting) == len(idle) >= 8
    assert [cycle.diagnosis.slo_met for cycle in idle] == [False] * len(idle)
    assert acting[0].diagnosis.slo_met is False
    assert [cycle.diagnosis.slo_met for cycle in acting[-3:]] == [True] * 3
    executions = [execution for cycle in acting for execution in cycle.executions]
    assert any(execution.outcome is Outcome.APPLIED for execution in executions)
    assert not any(cycle.executions for cycle in idle)


def test_what_the_screens_are_told_names_no_gateway_that_listens(live: Live) -> None:
    events = live(cycles=3)
    started = next(event for event in events if isinstance(event, RunStarted))
    assert started.mesh == "twin"
    assert [e.gateway_url for e in events if isinstance(e, MeshReady)] == ["twin:marskit-demo"]
    load = cycles_of(events)[-1].observation.load
    assert load is not None
    assert load.status is LoadStatus.RUNNING
    assert load.sent_requests_per_s == pytest.approx(load.offered_requests_per_s, rel=0.4)
