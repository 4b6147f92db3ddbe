import asyncio
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from marskit.console.tellers import JsonTeller, StoryTeller
from marskit.controller.batch import Ending, run_headless
from marskit.domain.actions import Scale
from marskit.domain.commands import Inject, Run, SetMode
from marskit.domain.events import Event, RunEnded, RunStarted
from marskit.domain.faults import KillReplica
from marskit.domain.loop_events import CycleCompleted
from marskit.domain.records import Mode
from marskit.errors import UserError
from marskit.knowledge.format.codec import loads
from marskit.knowledge.read.runs import find_run, load_run
from marskit.mesh.port import MeshError
from tests.controller.conftest import Rig, make_rig
from tests.fakes import SPIKE, FakePlanner
from tests.rigs import RealTimeRig

__all__ = ["make_rig"]


class Collector:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def tell(self, event: Event) -> None:
        self.events.append(event)


def told(events: list[Event]) -> list[str]:
    out = io.StringIO()
    teller = StoryTeller(Console(file=out, width=80), Path("runs"))
    for event in events:
        teller.tell(event)
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.looptime
async def test_the_story_of_a_spike(make_rig: Callable[..., Rig]) -> None:
    rig: Rig = make_rig(planner=FakePlanner([(), (Scale("payments", 4),)]), period_s=5.0)
    rig.load.scenario = SPIKE
    await rig.start()
    await asyncio.sleep(5.0)
    await rig.do(Run())
    await asyncio.sleep(4.0)
    await rig.do(Inject(KillReplica("orders")))
    await asyncio.sleep(1.0)
    await rig.do(SetMode(Mode.RECOMMEND))
    await asyncio.sleep(12.0)
    await rig.stop()
    lines = told(rig.events)
    assert lines[:5] == [
        "run 20260101T000000Z-abcd: spike (Three times the rate for a while) on the fake mesh, "
        "planner scripted, mode auto, seed 7, a cycle every 5 s",
        "     0.0 s  services: starting",
        "     0.0 s  the gateway answers at http://127.0.0.1:8080",
        "cycle    time  actual/offered req/s       p95 (n)      errors  SLO        ready",
        "    1   00:05                 40/40    540 ms (155)       0 %  VIOLATED     8/8  "
        + rig.knowledge.cycles[0].diagnosis.sentence,
    ]
    assert "        00:09  fault injected by a person: kill a replica of orders" in lines
    at = lines.index("               plan   the test says so")
    assert lines[at + 1 : at + 3] == [
        "               action 1: scale payments to 4, applied (effective after 10 ms)",
        "                      $ kubectl scale payments to 4",
    ]
    assert "        00:10  the mode is now recommend" in lines
    assert any(line.startswith("               effect of action 1: p95 of orders") for line in lines)
    assert lines[-7:] == [
        "4 cycles over 20 s",
        "  SLO-violation minutes  0.33 scenario minutes, any service (20 s of mesh time)",
        "  replica-minutes        3.0",
        "  failed requests        77",
        "  actions                1",
        "  SLO at the end         violated",
        "  recorded in            runs/run=20260101T000000Z-abcd",
    ]


@pytest.mark.looptime
async def test_every_event_is_one_line_of_json(make_rig: Callable[..., Rig]) -> None:
    rig: Rig = make_rig(planner=FakePlanner([(Scale("payments", 4),)]))
    await rig.start()
    await rig.do(Run())
    await asyncio.sleep(5.0)
    await rig.stop()
    out = io.StringIO()
    teller = JsonTeller(out)
    for event in rig.events:
        teller.tell(event)
    lines = out.getvalue().splitlines()
    assert [loads(line, Event) for line in lines] == rig.events
    assert json.loads(lines[0])["kind"] == "RunStarted"
    assert json.loads(lines[-1]) == {
        "kind": "RunEnded",
        "at_s": pytest.approx(5.2),
        "reason": None,
        "shortfalls": [],
    }


def test_so_many_cycles_are_done_and_stored(tmp_path: Path) -> None:
    rig, teller = RealTimeRig(runs=tmp_path), Collector()
    assert run_headless(rig.build, teller, cycles=4) == Ending(0)
    assert sum(isinstance(event, CycleCompleted) for event in teller.events) == 4
    assert isinstance(teller.events[0], RunStarted)
    assert isinstance(teller.events[-1], RunEnded)
    stored = load_run(tmp_path, find_run(tmp_path, "last"))
    assert [record.cycle.id for record in stored.records] == [1, 2, 3, 4]
    assert rig.calls[-2:] == ["load.stop", "mesh.stop"]


def test_a_mesh_that_cannot_start_is_a_failure_while_running() -> None:
    rig = RealTimeRig()
    rig.fail_start = MeshError("Envoy was not found.")
    ending = run_headless(rig.build, Collector(), cycles=4)
    assert ending == Ending(1, "Envoy was not found.")


def test_a_run_that_cannot_be_built_is_a_fault_of_the_input() -> None:
    rig = RealTimeRig()
    rig.fail_build = UserError("shop.yaml, line 3: no such field.")
    ending = run_headless(rig.build, Collector(), cycles=4)
    assert ending == Ending(2, "shop.yaml, line 3: no such field.")


def test_a_fault_of_the_program_is_no_fault_of_the_input() -> None:
    rig = RealTimeRig()
    rig.fail_build = ValueError("shapes (3,) and (4,)")
    ending = run_headless(rig.build, Collector(), cycles=4)
    assert ending == Ending(1, "Internal error: ValueError: shapes (3,) and (4,).")


def test_a_teller_that_fails_leaves_nothing_running() -> None:
    class Broken:
        def tell(self, event: Event) -> None:
            if isinstance(event, CycleCompleted):
                raise BrokenPipeError

    rig = RealTimeRig()
    with pytest.raises(BrokenPipeError):
        run_headless(rig.build, Broken(), cycles=4)
    assert rig.calls[-3:] == ["load.stop", "mesh.stop", "knowledge.close"]
