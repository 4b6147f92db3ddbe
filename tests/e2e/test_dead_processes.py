"""Telemetry of the real mesh that dies: Envoy or Locust is stopped, and goes on later."""

import contextlib
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from marskit.assembly.bootstrap import build
from marskit.assembly.settings import Settings
from marskit.controller.batch import run_headless
from marskit.domain.events import Event, LoadLost, LoadRestored, Source, TelemetryLost, TelemetryRestored
from marskit.domain.load import RequestFailure
from marskit.domain.loop_events import CycleCompleted, Executed
from marskit.domain.records import Outcome

pytestmark = pytest.mark.e2e

USUAL = Settings(
    scenario="spike", planner="threshold", period_s=1.0, preview=False, baselines=False, recalibration=False
)
STOPPED_S = 6.0
CYCLES = 16


def ours(name: str) -> list[psutil.Process]:
    """Our own processes of that name: Envoy, or Locust behind its Python."""
    found = []
    for process in psutil.Process().children(recursive=True):
        words = process.cmdline()
        if name in process.name() or any(word == name for word in words):
            found.append(process)
    return found


def go_on(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


class Teller:
    """Stops the processes after the third cycle, and lets them go on later."""

    def __init__(self, names: tuple[str, ...], number: signal.Signals = signal.SIGSTOP) -> None:
        self.events: list[Event] = []
        self._names = names
        self._number = number

    def tell(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, CycleCompleted) and event.cycle.id == 3:
            pids = [process.pid for name in self._names for process in ours(name)]
            assert len(pids) >= len(self._names)
            for pid in pids:
                os.kill(pid, self._number)
            if self._number is signal.SIGSTOP:
                threading.Timer(STOPPED_S, go_on, (pids,)).start()


@pytest.mark.parametrize(
    ("names", "sources"),
    [
        (("envoy",), {Source.MESH}),
        (("locust",), {Source.LOAD}),
        (("envoy", "locust"), {Source.MESH, Source.LOAD}),
    ],
)
def test_nothing_is_written_while_telemetry_is_dead(
    names: tuple[str, ...], sources: set[Source], tmp_path: Path
) -> None:
    teller = Teller(names)
    ending = run_headless(lambda: build(replace(USUAL, runs=tmp_path)), teller, cycles=CYCLES)
    assert ending.exit_code == 1
    assert "Telemetry was lost for" in (ending.complaint or "")
    lost = [event for event in teller.events if isinstance(event, TelemetryLost)]
    back = [event for event in teller.events if isinstance(event, TelemetryRestored)]
    assert {event.source for event in lost} == sources
    assert {event.source for event in back} == sources
    blind_s = min(event.at_s for event in lost), max(event.at_s for event in back)
    assert 2.0 <= blind_s[1] - blind_s[0] <= STOPPED_S + 4.0
    executed = [event.execution for event in teller.events if isinstance(event, Executed)]
    assert [
        e for e in executed if blind_s[0] < e.at_s < blind_s[1] and e.outcome is not Outcome.WITHHELD
    ] == []
    cycles = [event.cycle for event in teller.events if isinstance(event, CycleCompleted)]
    blind = [c for c in cycles if blind_s[0] < c.started_at_s < blind_s[1] - 1.0]
    assert blind
    assert all(cycle.diagnosis.unknown for cycle in blind)
    assert cycles[-1].diagnosis.unknown is None
    assert ours("envoy") == []


def test_a_locust_that_is_killed_is_replaced_and_told(tmp_path: Path) -> None:
    teller = Teller(("locust",), signal.SIGKILL)
    run_headless(lambda: build(replace(USUAL, runs=tmp_path)), teller, cycles=CYCLES)
    assert [type(event) for event in teller.events if isinstance(event, LoadLost | LoadRestored)] == [
        LoadLost,
        LoadRestored,
    ]
    (back,) = [event for event in teller.events if isinstance(event, LoadRestored)]
    assert back.not_sent > 0
    clients = [event.cycle.client for event in teller.events if isinstance(event, CycleCompleted)]
    assert clients[-1] is not None
    assert clients[-1].succeeded > 0
    assert sum(each.of(RequestFailure.NOT_SENT) for each in clients if each) == back.not_sent
