import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import polars as pl
import pytest

from marskit.domain.events import FaultInjected, ScenarioChanged
from marskit.domain.faults import KillReplica
from marskit.domain.records import Candidate, Cycle, Prediction
from marskit.knowledge import parquet
from marskit.knowledge.files import new_run, run_folder
from marskit.knowledge.parquet import ParquetKnowledge
from marskit.knowledge.port import Incident, KnowledgeError
from marskit.knowledge.queries import StoredRun, list_runs, load_run
from tests.fakes import STEADY
from tests.knowledge.cycles import cycle, effect, run_started


async def store(
    root: Path, cycles: list[Cycle], incidents: dict[int, tuple[Incident, ...]] | None = None
) -> str:
    run = new_run(root)
    knowledge = ParquetKnowledge(root)
    await knowledge.open(run_started(run))
    for one in cycles:
        await knowledge.append(one, (incidents or {}).get(one.id, ()))
    await knowledge.close()
    return run


def cycles_of(stored: StoredRun) -> list[Cycle]:
    return [record.cycle for record in stored.records]


def parts(root: Path, run: str) -> list[str]:
    return sorted(path.name for path in run_folder(root, run).glob("*.parquet"))


async def test_what_was_stored_is_read_back(tmp_path: Path) -> None:
    cycles = [cycle(1), replace(cycle(2, met=False, act=True), effects=(effect(1),)), cycle(3)]
    killed = FaultInjected(3.0, KillReplica("payments"))
    run = await store(tmp_path, cycles, {2: (killed,), 3: (ScenarioChanged(5.0, STEADY),)})
    stored = load_run(tmp_path, run)
    assert stored.started == run_started(run)
    assert cycles_of(stored) == cycles
    assert [record.incidents for record in stored.records][:2] == [(), (killed,)]
    assert [record.scenario for record in stored.records] == ["spike", "spike", "steady"]
    assert [record.covers_s for record in stored.records] == [5.0, 2.0, 2.0]
    assert stored.unreadable == ()


SCHEMA_1 = Path(__file__).with_name("schema-1")
"""A run that the release before predictions wrote."""


def test_a_run_of_the_schema_before_predictions_is_read() -> None:
    (run,) = list_runs(SCHEMA_1).runs
    assert (run.figures.cycles, run.figures.actions) == (3, 1)
    stored = load_run(SCHEMA_1, run.run)
    assert stored.unreadable == ()
    # Equal to what is made today without predictions: nothing of it was lost and nothing was made up.
    third = replace(cycle(3, payments=3), effects=(effect(2),))
    assert cycles_of(stored) == [cycle(1), cycle(2, met=False, act=True), third]
    assert stored.records[2].cycle.effects[0].latency_p95_predicted_ms is None


async def test_predictions_are_stored_and_can_be_held_against_what_came(tmp_path: Path) -> None:
    expected = Prediction(8.0, "orders", 20.0, 61.5, 0.2, 0.0, 9, 3.5, 6.2)
    one = cycle(1, act=True)
    told = replace(effect(1), latency_p95_predicted_ms=61.5, error_percent_predicted=0.0)
    candidates = (Candidate(one.plan.actions, "more", 0.5, expected), Candidate((), "nothing"))
    plan = replace(
        one.plan, candidates=candidates, prediction=expected, nothing=replace(expected, replicas=8)
    )
    one = replace(one, plan=plan, effects=(told,))
    run = await store(tmp_path, [one])
    assert cycles_of(load_run(tmp_path, run)) == [one]
    scan = pl.scan_parquet(tmp_path / "run=*" / "cycles-*.parquet", hive_partitioning=True)
    effects = scan.select(pl.col("effects").explode().struct.unnest()).collect()
    assert effects["latency_p95_predicted_ms"].to_list() == [61.5]
    assert effects["latency_p95_after_ms"].to_list() == [60.0]


async def test_every_cycle_is_a_file_until_the_run_ends(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    knowledge = ParquetKnowledge(tmp_path)
    await knowledge.open(run_started(run))
    for number in (1, 2, 3):
        await knowledge.append(cycle(number), ())
        assert len(parts(tmp_path, run)) == number + 1
    await knowledge.close()
    await knowledge.close()
    assert parts(tmp_path, run) == ["_run.parquet", "cycles-000001-000003.parquet"]


async def test_many_files_are_merged_while_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "MOST_PARTS", 3)
    run = new_run(tmp_path)
    knowledge = ParquetKnowledge(tmp_path)
    await knowledge.open(run_started(run))
    most = 0
    for number in range(1, 12):
        await knowledge.append(cycle(number), ())
        most = max(most, len(parts(tmp_path, run)))
        assert cycles_of(load_run(tmp_path, run)) == [cycle(n) for n in range(1, number + 1)]
    assert most <= 6
    await knowledge.close()


async def test_a_merge_that_was_cut_short_shows_no_cycle_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(tmp_path)
    knowledge = ParquetKnowledge(tmp_path)
    await knowledge.open(run_started(run))
    cycles = [cycle(number) for number in range(1, 6)]
    for one in cycles:
        await knowledge.append(one, ())
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda self, missing_ok: (_ for _ in ()).throw(OSError("cut short")))
        with pytest.raises(OSError, match="cut short"):
            await knowledge.close()
    assert len(parts(tmp_path, run)) == 7
    assert cycles_of(load_run(tmp_path, run)) == cycles
    # The merged file may even be lost then.
    (run_folder(tmp_path, run) / "cycles-000001-000005.parquet").write_bytes(b"PAR1 torn")
    stored = load_run(tmp_path, run)
    assert cycles_of(stored) == cycles
    assert "cycles-000001-000005.parquet: this file cannot be read" in stored.unreadable[0]


async def test_torn_and_foreign_files_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    run = await store(tmp_path, [cycle(1), cycle(2)])
    folder = run_folder(tmp_path, run)
    whole = (folder / "cycles-000001-000002.parquet").read_bytes()
    (folder / "cycles-000003-000003.parquet").write_bytes(whole[: len(whole) // 2])
    (folder / "cycles-000004-000004.parquet").write_bytes(b"")
    pl.DataFrame({"a": [1]}).write_parquet(folder / "cycles-000005-000005.parquet")
    (folder / "notes.txt").write_text("mine")
    (folder / ".cycles-000006-000006.parquet.unfinished").write_bytes(whole)
    stored = load_run(tmp_path, run)
    assert cycles_of(stored) == [cycle(1), cycle(2)]
    assert len(stored.unreadable) == 4
    for name in ("notes.txt", *(f"cycles-00000{n}-00000{n}.parquet" for n in (3, 4, 5))):
        assert any(name in sentence for sentence in stored.unreadable), name


async def test_a_record_of_a_newer_schema_is_refused(tmp_path: Path) -> None:
    run = await store(tmp_path, [cycle(1), cycle(2)])
    path = run_folder(tmp_path, run) / "cycles-000001-000002.parquet"
    pl.read_parquet(path).with_columns(schema_version=pl.lit(99)).write_parquet(path)
    assert "its schema version is 99, newer than 2" in load_run(tmp_path, run).unreadable[0]


async def test_the_dataset_can_be_queried_in_place(tmp_path: Path) -> None:
    first = await store(tmp_path, [cycle(1), cycle(2, met=False, act=True)])
    second = await store(tmp_path, [cycle(1, failures_per_s=1.0)])
    scan = pl.scan_parquet(tmp_path / "run=*" / "cycles-*.parquet", hive_partitioning=True)
    frame = scan.sort("run", "cycle").collect()
    assert sorted(frame["run"].unique()) == sorted([first, second])
    row = frame.filter(pl.col("run") == first, pl.col("cycle") == 2).row(0, named=True)
    assert row["slo_met"] is False
    assert row["worst_symptom"] == "latency SLO"
    assert row["replicas_ready"] == 8
    assert row["executions"][0]["target"] == "deployment/payments"
    assert row["services"][0]["latency_p95_ms"] == 412.0
    assert frame.filter(pl.col("run") == second)["failed_requests"].to_list() == [5.0]
    latest = scan.select(pl.col("edges").explode().struct.field("workload")).collect()
    assert latest["workload"].n_unique() == 4


async def test_appending_to_what_is_not_open_is_refused(tmp_path: Path) -> None:
    knowledge = ParquetKnowledge(tmp_path)
    with pytest.raises(KnowledgeError, match="not open"):
        await knowledge.append(cycle(1), ())
    await knowledge.close()


async def test_a_full_disk_is_told_and_the_next_cycle_tried(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    knowledge = ParquetKnowledge(tmp_path)
    folder = run_folder(tmp_path, run)
    folder.rmdir()
    with pytest.raises(FileNotFoundError):
        await knowledge.open(run_started(run))
    with pytest.raises(FileNotFoundError):
        await knowledge.append(cycle(1), ())
    folder.mkdir()
    await knowledge.append(cycle(2), ())
    await knowledge.close()
    assert cycles_of(load_run(tmp_path, run)) == [cycle(2)]


def test_ids_of_runs_begun_at_once_differ_and_sort(tmp_path: Path) -> None:
    runs = [new_run(tmp_path) for _ in range(20)]
    assert len(set(runs)) == 20
    assert [run[:16] for run in runs] == sorted(run[:16] for run in runs)


def test_a_place_where_nothing_can_be_stored_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KnowledgeError, match=r"Runs cannot be stored in .*file: it is not a folder\."):
        new_run(tmp_path / "file")
    with pytest.raises(KnowledgeError, match=r"Runs cannot be stored in .*: Not a directory\."):
        new_run(tmp_path / "file" / "below")


WRITER = """
import asyncio, sys
from pathlib import Path
from marskit.knowledge import parquet
from tests.knowledge.cycles import cycle, run_started

async def main(root, run):
    parquet.MOST_PARTS = 5
    knowledge = parquet.ParquetKnowledge(Path(root))
    await knowledge.open(run_started(run))
    number = 0
    while True:
        number += 1
        await knowledge.append(cycle(number), ())
        print(number, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


def test_a_killed_writer_loses_no_acknowledged_cycle(tmp_path: Path) -> None:
    random = Random(1)
    for _ in range(20):
        run = new_run(tmp_path)
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), run],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert writer.stdout is not None
        with writer.stdout:
            # Killed somewhere within the cycle after a random one, by time as well as by count.
            for _ in range(random.randint(1, 12)):
                acknowledged = int(writer.stdout.readline())
            asyncio.run(asyncio.sleep(random.uniform(0.0, 0.004)))
            os.kill(writer.pid, signal.SIGKILL)
            acknowledged = max([acknowledged, *(int(line) for line in writer.stdout if line.endswith("\n"))])
        writer.wait(10)
        stored = load_run(tmp_path, run)
        assert stored.unreadable == ()
        numbers = [record.cycle.id for record in stored.records]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= acknowledged
        assert cycles_of(stored) == [cycle(number) for number in numbers]
