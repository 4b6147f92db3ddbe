"""No planner acts on old telemetry, whatever made it old; and it goes on once telemetry is back."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from marskit.agents.registry import planner_names
from marskit.assembly.bootstrap import build
from marskit.assembly.settings import Settings
from marskit.controller.batch import Ending, run_headless
from marskit.controller.controller import Controller
from marskit.domain.events import Event, Source, TelemetryLost, TelemetryRestored
from marskit.domain.load import LoadSample, LoadStatus
from marskit.domain.loop_events import CycleCompleted, Executed
from marskit.domain.metrics import MeshSample
from marskit.domain.records import Outcome
from marskit.mesh.port import MeshError
from marskit.timing.virtual_loop import VirtualLoop

DEAD_S = (30.0, 54.0)
"""In the rising edge of the spike, where every planner that acts at all would act."""
LIMIT_S = 2.0
SPIKE = Settings(mesh="twin", scenario="spike", seed=3, preview=False)

Sample = Callable[[], Awaitable[MeshSample]]
Break = Callable[[Controller], None]


def _broken(controller: Controller, part: str, instead: Callable[[object], Awaitable[object]]) -> None:
    """Let `instead` answer in place of mesh or load while they are dead."""
    source = getattr(controller, part)
    real = source.sample

    async def sample() -> object:
        if DEAD_S[0] <= controller._clock.now() < DEAD_S[1]:
            return await instead(real)
        return await real()

    source.sample = sample


async def _refuses(real: object) -> object:
    raise MeshError("Envoy's statistics cannot be read: connection refused")


async def _hangs(real: object) -> object:
    await asyncio.sleep(60.0)
    raise MeshError("Envoy's statistics cannot be read: timed out")


async def _is_slow(real: Sample) -> MeshSample:
    await asyncio.sleep(5.0)
    return await real()


async def _is_nan(real: Sample) -> MeshSample:
    found = await real()
    first = replace(found.workloads[0], utilisation=float("nan"))
    return replace(found, workloads=(first, *found.workloads[1:]))


async def _is_garbage(real: Sample) -> MeshSample:
    found = await real()
    first = replace(found.edges[0], requests=3, failures=12)
    return replace(found, edges=(first, *found.edges[1:]))


async def _is_negative(real: Sample) -> MeshSample:
    found = await real()
    return replace(found, edges=(replace(found.edges[0], requests=-5), *found.edges[1:]))


async def _is_old(real: Sample) -> MeshSample:
    found = await real()
    return replace(found, measured_at_s=DEAD_S[0])


async def _is_silent(real: Callable[[], Awaitable[LoadSample]]) -> LoadSample:
    found = await real()
    return replace(
        found,
        status=LoadStatus.SILENT,
        users=None,
        sent_requests_per_s=None,
        failures_per_s=None,
        counts=None,
    )


async def _counts_nan(real: Callable[[], Awaitable[LoadSample]]) -> LoadSample:
    return replace(await real(), sent_requests_per_s=float("nan"))


MESH, LOAD = "_mesh", "_load"
BREAKS: dict[str, tuple[tuple[str, Callable[..., Awaitable[object]]], ...]] = {
    "mesh refuses": ((MESH, _refuses),),
    "mesh hangs": ((MESH, _hangs),),
    "mesh is slow": ((MESH, _is_slow),),
    "mesh says NaN": ((MESH, _is_nan),),
    "mesh says garbage": ((MESH, _is_garbage),),
    "mesh counts backwards": ((MESH, _is_negative),),
    "mesh repeats old data": ((MESH, _is_old),),
    "load raises": ((LOAD, _refuses),),
    "load is silent": ((LOAD, _is_silent),),
    "load says NaN": ((LOAD, _counts_nan),),
    "both hang": ((MESH, _hangs), (LOAD, _hangs)),
}


def run(settings: Settings, folder: Path, kind: str, cycles: int) -> tuple[list[Event], Ending]:
    events: list[Event] = []

    class Teller:
        def tell(self, event: Event) -> None:
            events.append(event)

    async def factory() -> Controller:
        controller = await build(replace(settings, runs=folder))
        for part, instead in BREAKS.get(kind, ()):
            _broken(controller, part, instead)
        return controller

    ending = run_headless(factory, Teller(), cycles=cycles, loop_factory=VirtualLoop)
    return events, ending


def check(events: list[Event], kind: str) -> None:
    sources = {Source.MESH if part == MESH else Source.LOAD for part, _ in BREAKS[kind]}
    lost = [event for event in events if isinstance(event, TelemetryLost)]
    back = [event for event in events if isinstance(event, TelemetryRestored)]
    assert {event.source for event in lost} == {event.source for event in back} == sources
    # Told within the limit, a period and the moment of grace.
    assert all(event.at_s <= DEAD_S[0] + LIMIT_S + 1.6 for event in lost[: len(sources)])
    dead_s = (DEAD_S[0] + LIMIT_S, DEAD_S[1])
    executed = [event.execution for event in events if isinstance(event, Executed)]
    written = [e for e in executed if e.outcome is not Outcome.WITHHELD and dead_s[0] < e.at_s < dead_s[1]]
    assert written == []
    cycles = [event.cycle for event in events if isinstance(event, CycleCompleted)]
    blind = [cycle for cycle in cycles if dead_s[0] + 1.0 < cycle.started_at_s < dead_s[1] - 1.0]
    assert len(blind) >= 3
    for cycle in blind:
        assert cycle.diagnosis.unknown is not None
        assert cycle.diagnosis.slo_met is None
        assert "old" in cycle.diagnosis.sentence
        assert (cycle.plan.proposed, cycle.plan.prediction) == ((), None)
        assert cycle.plan.reason.startswith("Nothing is planned.")
    assert cycles[-1].diagnosis.unknown is None


@pytest.mark.parametrize("planner", planner_names())
def test_no_planner_writes_while_telemetry_is_dead(planner: str, tmp_path: Path) -> None:
    events, _ = run(replace(SPIKE, planner=planner), tmp_path, "both hang", 40)
    check(events, "both hang")


@pytest.mark.parametrize("kind", BREAKS)
def test_every_way_of_being_dead_is_noticed_and_recovered_from(kind: str, tmp_path: Path) -> None:
    events, _ = run(replace(SPIKE, planner="threshold"), tmp_path, kind, 40)
    check(events, kind)


def test_the_same_run_acts_in_that_time_when_telemetry_works(tmp_path: Path) -> None:
    events, ending = run(replace(SPIKE, planner="threshold"), tmp_path, "", 40)
    assert ending.exit_code == 0
    executed = [event.execution.at_s for event in events if isinstance(event, Executed)]
    assert any(DEAD_S[0] + LIMIT_S < at_s < DEAD_S[1] for at_s in executed)
    assert not any(isinstance(event, TelemetryLost | TelemetryRestored) for event in events)


def test_500_healthy_cycles_raise_no_alarm(tmp_path: Path) -> None:
    settings = replace(SPIKE, scenario="diurnal", engine="fast", planner="static", period_s=1.0)
    events, ending = run(settings, tmp_path, "", 500)
    assert ending.exit_code == 0
    assert not any(isinstance(event, TelemetryLost) for event in events)
