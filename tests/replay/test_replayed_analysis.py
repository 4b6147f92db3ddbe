"""What Analyse concludes follows from what is stored, and what earlier runs teach it."""

import asyncio
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from marskit.assembly.bootstrap import build
from marskit.assembly.earlier_baselines import calm_observations, recorded_baselines
from marskit.assembly.settings import Settings
from marskit.controller.batch import Ending, run_headless
from marskit.controller.controller import Controller
from marskit.domain.commands import Inject
from marskit.domain.diagnosis import Ailment, SymptomKind
from marskit.domain.events import BaselinesLoaded, Event, FaultInjected
from marskit.domain.faults import ClearFaults, Fault, InjectErrors, KillReplica, SlowDown
from marskit.domain.loop_events import CycleCompleted
from marskit.knowledge.read.fault_free_windows import SETTLING_S
from marskit.knowledge.read.runs import StoredRun, find_run, load_run
from marskit.mapek.analyse.memory import Memory
from marskit.mapek.monitor.measures import BUSY
from marskit.timing.virtual_loop import VirtualLoop
from tests.controller.test_batch import Collector

FAULTS: dict[int, Fault] = {
    10: KillReplica("payments"),
    14: SlowDown("recommendations-food", 4.0),
    24: InjectErrors("payments", 40.0),
    40: ClearFaults(),
}


async def _broken(settings: Settings) -> Controller:
    controller = await build(settings)
    tasks: set[asyncio.Task[None]] = set()

    def note(event: Event) -> None:
        if isinstance(event, CycleCompleted) and (fault := FAULTS.get(event.cycle.id)):
            tasks.add(asyncio.get_running_loop().create_task(controller.handle(Inject(fault))))

    controller.bus.subscribe(note)
    return controller


def run(settings: Settings, *, cycles: int, broken: bool = False) -> list[Event]:
    teller = Collector()
    factory = partial(_broken if broken else build, settings)
    assert run_headless(factory, teller, cycles=cycles, loop_factory=VirtualLoop) == Ending(0)
    return teller.events


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(
        mesh="twin", scenario="steady", seed=3, planner="static", runs=tmp_path_factory.mktemp("runs"),
        preview=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def stored(settings: Settings) -> StoredRun:
    run(settings, cycles=60, broken=True)
    return load_run(settings.runs, find_run(settings.runs, "last"))


def test_the_same_conclusions_follow_from_what_was_stored(stored: StoredRun) -> None:
    memory = Memory(expected=dict(stored.started.busy_ms))
    for record in stored.records:
        suspects, alarms = memory.take(record.cycle.observation, stored.started.goals, record.speed)
        diagnosis = record.cycle.diagnosis
        assert suspects == diagnosis.suspects
        assert set(alarms) <= set(diagnosis.symptoms)
    kinds = {symptom.kind for record in stored.records for symptom in record.cycle.diagnosis.symptoms}
    assert {SymptomKind.BURN_RATE, SymptomKind.ANOMALY} <= kinds


def test_every_fault_is_the_likeliest_suspect_soon_after_and_no_longer_than_it_lasts(
    stored: StoredRun,
) -> None:
    found = [
        [
            (suspect.subject, suspect.ailment)
            for suspect in record.cycle.diagnosis.suspects
            if suspect.is_fault
        ]
        for record in stored.records
    ]
    assert not any(found[:10])
    assert found[11][0] == ("payments", Ailment.DOWN)
    assert found[15][0] == ("recommendations-food", Ailment.SLOW)
    assert set(found[25][:2]) == {("recommendations-food", Ailment.SLOW), ("payments", Ailment.ERRORS)}
    assert not any(found[45:])


def test_baselines_are_of_calm_times_alone(stored: StoredRun) -> None:
    calm = calm_observations(stored.records)
    killed_s, slow_s, _, mended_s = (
        incident.at_s
        for record in stored.records
        for incident in record.incidents
        if isinstance(incident, FaultInjected)
    )
    spans = [(seen.at_s - seen.window_s, seen.at_s) for seen in calm]
    assert all(end <= killed_s or begin >= killed_s + 2 * SETTLING_S for begin, end in spans)
    assert all(end <= slow_s or begin >= mended_s + SETTLING_S for begin, end in spans)
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(spans))
    assert len(calm) > 10


def test_earlier_runs_of_the_same_mesh_and_scenario_teach_a_later_one(
    settings: Settings, stored: StoredRun
) -> None:
    found = recorded_baselines(settings.runs, "twin", "steady", stored.started.topology)
    assert found is not None
    assert found.runs == 1
    busy = {row.subject: row.median for row in found.rows if row.metric == BUSY}
    assert busy["payments"] == pytest.approx(19.9, rel=0.1)
    assert recorded_baselines(settings.runs, "envoy", "steady", stored.started.topology) is None
    assert recorded_baselines(settings.runs, "twin", "spike", stored.started.topology) is None
    other = replace(stored.started.topology, namespace="elsewhere")
    assert recorded_baselines(settings.runs, "twin", "steady", other) is None
    (loaded,) = [
        e for e in run(replace(settings, baselines=True), cycles=2) if isinstance(e, BaselinesLoaded)
    ]
    assert loaded.baselines.rows
    # On the twin nobody asks what ran before, so that the same seed gives the same run.
    assert not [e for e in run(settings, cycles=2) if isinstance(e, BaselinesLoaded)]


def test_runs_that_cannot_be_read_are_no_baseline_and_no_trouble(tmp_path: Path, stored: StoredRun) -> None:
    (tmp_path / "run=broken").mkdir()
    (tmp_path / "run=broken" / "run.parquet").write_bytes(b"nothing")
    assert recorded_baselines(tmp_path, "twin", "steady", stored.started.topology) is None
