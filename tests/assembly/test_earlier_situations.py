"""Plans are shown with what it was like in earlier runs, and are the same without."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import pytest

from marskit.assembly.earlier_situations import FARTHEST, FOLLOWED, SHOWN, recorded_situations
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.events import Event, Noticed, RunStarted
from marskit.domain.goals import Goals
from marskit.domain.loop_events import CycleCompleted, Planned
from marskit.domain.plan import Plan
from marskit.domain.records import Outcome
from marskit.domain.similar import Similar
from marskit.knowledge.format.codec import dumps, loads
from marskit.knowledge.read.recording import load_recording
from marskit.knowledge.read.runs import StoredRun, load_run
from marskit.knowledge.storage.store import open_store
from marskit.planning import PlanningView
from marskit.replay.fingerprint import Fingerprints
from marskit.replay.timeline import Timeline
from tests.paths import ROOT
from tests.replay.runs import Watched, twin_run

CYCLES = 16
"""The crowd of the scenario `spike` has come by then, and is answered."""
LATER = {"cycles": CYCLES, "seed": 9, "preview": False, "baselines": True}


@dataclass
class Runs:
    """Two runs in one folder."""

    root: Path
    earlier: StoredRun
    live: Watched
    """The later one, which was shown the situations of the earlier one."""

    @property
    def later(self) -> str:
        """The id of the later one."""
        return next(event.run for event in self.live.events if isinstance(event, RunStarted))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    root = tmp_path_factory.mktemp("runs")
    twin_run(root, cycles=CYCLES, seed=1, preview=False)
    (run,) = open_store(root).runs()
    return Runs(root, load_run(root, run), twin_run(root, look=Fingerprints().of, **LATER))  # type: ignore[arg-type]


def plans(events: list[Event]) -> Iterator[Plan]:
    return (event.plan for event in events if isinstance(event, Planned))


def test_each_is_told_with_what_was_done_then_and_how_it_ended(runs: Runs) -> None:
    shown = [plan.similar for plan in plans(runs.live.events)]
    assert max(map(len, shown)) <= SHOWN
    assert all(shown[1:4])
    records = {record.cycle.id: record for record in runs.earlier.records}
    for each in (similar for found in shown for similar in found):
        then, after = records[each.cycle], range(each.cycle + 1, each.cycle + 1 + FOLLOWED)
        assert each.run == runs.earlier.started.run
        assert each.distance <= FARTHEST
        applied = [e for e in then.cycle.executions if e.outcome is Outcome.APPLIED]
        assert len(each.done) == len(applied)
        assert each.utility_per_s == pytest.approx(then.cycle.diagnosis.utility.total)
        followed = [records[number] for number in after if number in records]
        assert each.cycles_after == len(followed)
        missed = sum(r.covers_s * r.speed / 60.0 for r in followed if r.slo_met is False)
        assert each.violation_minutes_after == pytest.approx(missed)
    for found in shown:
        assert sorted(found, key=lambda similar: similar.distance) == list(found)
    assert any(similar.done for found in shown for similar in found)


def test_a_replay_shows_what_was_shown_live(runs: Runs) -> None:
    recording = load_recording(runs.root, runs.later)
    assert [p.similar for p in plans(list(recording.events))] == [p.similar for p in plans(runs.live.events)]
    timeline = Timeline(recording.events)
    assert [timeline.hash_at(step) for step in range(1, len(timeline) + 1)] == runs.live.seen
    last = next(e.cycle for e in reversed(recording.events) if isinstance(e, CycleCompleted))
    assert last.plan == list(plans(runs.live.events))[-1]


def later(root: Path, runs: Runs, past: object) -> list[Event]:
    """The later run once more, with this in the place of what looks up situations."""
    with (
        patch("marskit.assembly.bootstrap.recorded_baselines", return_value=None),
        patch("marskit.assembly.bootstrap.recorded_situations", return_value=past),
    ):
        return twin_run(root, **LATER).events  # type: ignore[arg-type] # as given


def test_no_plan_depends_on_them(runs: Runs, tmp_path: Path) -> None:
    started = runs.earlier.started
    past = recorded_situations(runs.root, "later", started.mesh, started.topology, started.goals)
    found, none = (list(plans(later(tmp_path, runs, each))) for each in (past, None))
    assert any(plan.similar for plan in found)
    assert any(plan.actions for plan in none)
    assert [replace(plan, similar=()) for plan in found] == none


class Broken:
    def similar(self, diagnosis: Diagnosis, view: PlanningView) -> tuple[Similar, ...]:
        raise RuntimeError("gone")


def test_a_failing_look_up_costs_no_plan_and_is_told_once(runs: Runs, tmp_path: Path) -> None:
    events = later(tmp_path, runs, Broken())
    (told,) = [e.sentence for e in events if isinstance(e, Noticed) and e.subject == "past"]
    assert told == "Similar situations of earlier runs could not be looked up: gone."
    assert any(plan.actions for plan in plans(events))


def test_a_store_that_cannot_be_read_is_told_and_stops_nothing(tmp_path: Path) -> None:
    with patch("marskit.assembly.bootstrap.recorded_situations", side_effect=OSError("no route")):
        events = twin_run(tmp_path, **LATER | {"cycles": 2}).events  # type: ignore[arg-type] # as given
    (told,) = [e.sentence for e in events if isinstance(e, Noticed)]
    assert told == "The situations of earlier runs cannot be read: no route."


def test_only_other_runs_of_the_same_mesh_graph_and_goals_count(runs: Runs, tmp_path: Path) -> None:
    started = runs.earlier.started
    first, second = started.run, runs.later
    mesh, topology, goals = started.mesh, started.topology, started.goals

    def held(*of: object, root: Path = runs.root) -> set[str]:
        past = recorded_situations(root, *of)  # type: ignore[arg-type] # as given
        return set(past._index._runs) if past else set()

    assert held("later", mesh, topology, goals) == {first, second}
    assert held(second, mesh, topology, goals) == {first}
    assert not held(second, "envoy", topology, goals)
    assert not held(second, mesh, replace(topology, namespace="elsewhere"), goals)
    assert not held(second, mesh, topology, Goals(()))
    assert not held(second, mesh, topology, goals, root=tmp_path)
    newest = open_store(runs.root).runs()[1]
    with patch("marskit.assembly.earlier_situations.MOST_CYCLES", 2 * CYCLES - 1):
        assert held("later", mesh, topology, goals) == {newest}
    with patch("marskit.assembly.earlier_situations.MOST_RUNS", 1):
        assert held("later", mesh, topology, goals) == {newest}


def test_a_second_run_in_a_folder_tells_what_the_first_one_was_like(tmp_path: Path) -> None:
    def run(*more: str) -> list[Event]:
        done = subprocess.run(
            [sys.executable, "main.py", "--mesh", "twin", "--engine", "fast", "--headless", "--json",
             "--cycles", "6", "--runs", str(tmp_path), *more],
            cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        assert done.stderr == ""
        return [loads(line, Event) for line in done.stdout.splitlines()]

    first = run("--seed", "1", "--baselines")
    assert not any(plan.similar for plan in plans(first))
    second = run("--seed", "2", "--baselines")
    (name,) = [event.run for event in first if isinstance(event, RunStarted)]
    assert {similar.run for plan in plans(second) for similar in plan.similar} == {name}
    # On the twin nobody asks what ran before, so that the same seed gives the same run.
    assert not any(plan.similar for plan in plans(run("--seed", "2")))


def test_a_plan_that_was_stored_before_there_was_any_is_read(runs: Runs) -> None:
    plan = next(plans(runs.live.events))
    stored = json.loads(dumps(plan, Plan))
    del stored["similar"]
    assert loads(json.dumps(stored), Plan) == replace(plan, similar=())
