"""Every event of a run is stored, and comes back as the bus published it."""

import asyncio
from dataclasses import replace
from math import nan
from pathlib import Path

import pytest

from marskit.domain.events import Event, Observed, RunEnded
from marskit.domain.loop_events import Analysed, CycleCompleted, Executed, Monitored, PhaseStarted, Planned
from marskit.domain.records import Phase
from marskit.knowledge.format.codec import dumps
from marskit.knowledge.format.log import Encoder
from marskit.knowledge.read.dataset import Dataset
from marskit.knowledge.read.recording import load_recording
from marskit.knowledge.read.runs import load_run
from marskit.knowledge.storage.store import new_run
from marskit.knowledge.write import parquet
from marskit.knowledge.write.parquet import ParquetKnowledge
from tests.fakes import CONFIGURATION
from tests.knowledge.cycles import cycle, effect, run_started


@pytest.mark.parametrize("merged", [False, True])
async def test_what_comes_while_a_cycle_is_stored_keeps_its_place(tmp_path: Path, *, merged: bool) -> None:
    run = new_run(tmp_path)
    knowledge = ParquetKnowledge(tmp_path)
    published: list[Event] = []

    def publish(event: Event) -> None:
        published.append(event)
        knowledge.note(event)

    publish(run_started(run))
    await knowledge.open(run_started(run))
    for number in (1, 2, 3):
        one = cycle(number)
        publish(PhaseStarted(one.started_at_s, number, Phase.MONITOR))
        publish(Monitored(one.started_at_s, number, one.observation))
        storing = asyncio.create_task(knowledge.append(one))
        await asyncio.sleep(0)
        # The thread is at it.
        publish(Observed(replace(one.observation, window_s=float(number))))
        publish(PhaseStarted(9.0, number, Phase.KNOWLEDGE))
        await storing
        publish(CycleCompleted(one))
    publish(Observed(cycle(4).observation))
    if merged:
        ended = RunEnded(99.0, None)
        published.append(ended)
        await knowledge.close(ended)
        knowledge.note(ended)
    else:
        await knowledge.append(cycle(4))
        published.append(CycleCompleted(cycle(4)))
    recording = load_recording(tmp_path, run)
    assert list(recording.events) == published
    assert (recording.complete, recording.unreadable) == (True, ())
    kinds = Dataset(tmp_path).scan("events", [run]).collect()
    assert kinds["kind"].to_list() == [type(event).__name__ for event in published]
    assert kinds["seq"].to_list() == list(range(len(published)))
    await knowledge.close()


async def test_a_run_that_nobody_turns_is_stored_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "MOST_NOTED", 10)
    run = new_run(tmp_path)
    knowledge = ParquetKnowledge(tmp_path)
    await knowledge.open(run_started(run))
    seen = [Observed(replace(cycle(1).observation, at_s=float(n))) for n in range(25)]
    for event in seen:
        knowledge.note(event)
        await asyncio.sleep(0)
    await knowledge.append(cycle(1))
    recording = load_recording(tmp_path, run)
    assert recording.events == (run_started(run), *seen, CycleCompleted(cycle(1)))
    assert recording.complete
    assert [record.cycle for record in load_run(tmp_path, run).records] == [cycle(1)]
    await knowledge.close()
    assert load_recording(tmp_path, run) == recording


async def test_what_is_encoded_once_reads_as_if_it_were_encoded_each_time(tmp_path: Path) -> None:
    plan = replace(cycle(1).plan, reason='a "quoted" reason')
    one = replace(cycle(1, met=False, act=True), plan=plan, effects=(effect(1),))
    events: list[Event] = [
        Monitored(nan, 1, one.observation),
        Analysed(1.0, 1, one.diagnosis),
        Planned(2.0, 1, plan),
        # Of another cycle, or of what only looks the same.
        Monitored(3.0, 2, cycle(2).observation),
        Planned(3.0, 1, replace(plan)),
        Executed(one.executions[0], CONFIGURATION),
        CycleCompleted(one),
    ]
    encoder = Encoder(events)
    assert [encoder.encode(event) for event in events] == [dumps(event, Event) for event in events]
