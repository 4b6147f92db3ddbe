import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from errno import ENOSPC
from pathlib import Path
from random import Random
from zlib import crc32

import polars as pl
import pytest

from marskit.domain.events import FaultInjected, ScenarioChanged
from marskit.domain.faults import KillReplica
from marskit.domain.loop_events import CycleCompleted
from marskit.domain.plan import Candidate, Prediction
from marskit.domain.records import Cycle
from marskit.knowledge.care.checking import check_runs
from marskit.knowledge.care.sharing import export_run
from marskit.knowledge.format.tables import TABLES
from marskit.knowledge.port import Incident, KnowledgeError
from marskit.knowledge.read.dataset import Dataset
from marskit.knowledge.read.reading import DAMAGED
from marskit.knowledge.read.recording import load_recording
from marskit.knowledge.read.runs import RunList, StoredRun, list_runs, load_run
from marskit.knowledge.storage.files import run_folder
from marskit.knowledge.storage.store import new_run
from marskit.knowledge.write import parquet, writer
from marskit.knowledge.write.parquet import ParquetKnowledge
from tests.fakes import STEADY
from tests.knowledge.cycles import cycle, effect, run_started
from tests.paths import ROOT

WRITER = """
import asyncio, itertools, os, signal, sys
from pathlib import Path
from marskit.domain.events import CycleCompleted
from marskit.knowledge.write import parquet
from marskit.knowledge.write import writer
from tests.knowledge.cycles import cycle, run_started

async def main(root, run, last):
    writer.BATCHES, writer.MERGED = 5, 20
    knowledge = parquet.ParquetKnowledge(Path(root))
    await knowledge.open(run_started(run))
    for number in itertools.count(1):
        await knowledge.append(cycle(number))
        print(number, flush=True)
        knowledge.note(CycleCompleted(cycle(number)))
        if number == int(last):
            os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main(*sys.argv[1:]))
"""


async def store(
    root: Path, cycles: list[Cycle], incidents: dict[int, tuple[Incident, ...]] | None = None
) -> str:
    run = new_run(root)
    knowledge = ParquetKnowledge(root)
    await knowledge.open(run_started(run))
    for one in cycles:
        for incident in (incidents or {}).get(one.id, ()):
            knowledge.note(incident)
        await knowledge.append(one)
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
    effects = pl.read_parquet(tmp_path / "run=*" / "effects-*.parquet", hive_partitioning=True)
    assert effects["latency_p95_predicted_ms"].to_list() == [61.5]
    assert effects["latency_p95_after_ms"].to_list() == [60.0]


async def test_every_cycle_is_a_file_until_the_run_ends(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    knowledge = ParquetKnowledge(tmp_path)
    await knowledge.open(run_started(run))
    for number in (1, 2, 3):
        await knowledge.append(cycle(number))
        assert len(parts(tmp_path, run)) == number + 1
    await knowledge.close()
    await knowledge.close()
    head, *tables = parts(tmp_path, run)
    assert head.startswith("_run-r1-")
    assert sorted(name.rsplit("-", 2)[0] for name in tables) == sorted(f"{t}-000001-000003" for t in TABLES)
    for name in tables:
        path = run_folder(tmp_path, run) / name
        assert name.endswith(f"-r{pl.read_parquet(path).height}-{crc32(path.read_bytes()):08x}.parquet")


async def test_many_files_are_merged_while_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "BATCHES", 3)
    monkeypatch.setattr(writer, "MERGED", 6)
    run = new_run(tmp_path)
    knowledge = ParquetKnowledge(tmp_path)
    await knowledge.open(run_started(run))
    most = 0
    for number in range(1, 12):
        await knowledge.append(cycle(number))
        most = max(most, len(parts(tmp_path, run)))
        assert cycles_of(load_run(tmp_path, run)) == [cycle(n) for n in range(1, number + 1)]
    # Two whole parts, three cycles, and what is about to be merged.
    assert most <= 2 * len(TABLES) + 5
    await knowledge.close()
    spans = sorted({name.split("-r")[0].partition("-")[2] for name in parts(tmp_path, run)[1:]})
    assert spans == ["000001-000006", "000007-000011"]


async def test_a_merge_that_was_cut_short_shows_no_cycle_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(tmp_path)
    knowledge = ParquetKnowledge(tmp_path)
    await knowledge.open(run_started(run))
    cycles = [cycle(number) for number in range(1, 6)]
    for one in cycles:
        await knowledge.append(one)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda self, missing_ok: (_ for _ in ()).throw(OSError("cut short")))
        with pytest.raises(OSError, match="cut short"):
            await knowledge.close()
    assert len(parts(tmp_path, run)) == 1 + 5 + len(TABLES)
    assert cycles_of(load_run(tmp_path, run)) == cycles
    # The merged file may even be lost then.
    (merged,) = run_folder(tmp_path, run).glob("events-000001-000005-*")
    merged.write_bytes(b"PAR1 torn")
    stored = load_run(tmp_path, run)
    assert cycles_of(stored) == cycles
    assert stored.unreadable == (f"{merged}: {DAMAGED}; nothing is lost, other files contain the same.",)


async def unmerged(root: Path, cycles: int) -> tuple[str, Path]:
    """A run that was killed, with a file for each of its cycles."""
    run = new_run(root)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(root), run, str(cycles), cwd=ROOT, stdout=subprocess.DEVNULL
    )
    assert await process.wait() == -signal.SIGKILL
    return run, run_folder(root, run)


async def test_torn_empty_and_foreign_files_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    run, folder = await unmerged(tmp_path, 4)
    first, third, fourth = (next(folder.glob(f"events-00000{n}-*")) for n in (1, 3, 4))
    third.write_bytes(third.read_bytes()[:900])
    fourth.write_bytes(b"")
    # One bit of a number, which Parquet itself would read as another number.
    content = bytearray(first.read_bytes())
    content[len(content) // 3] ^= 1
    first.write_bytes(content)
    (folder / "notes.txt").write_text("mine")
    (folder / ".events-000006-000006.parquet.unfinished").write_bytes(content)
    stored = load_run(tmp_path, run)
    assert cycles_of(stored) == [cycle(2)]
    assert stored.unreadable == (
        f"{folder / 'notes.txt'}: this is not a file of a run.",
        f"{first}: {DAMAGED}; cycle 1 is missing.",
        f"{third}: {DAMAGED}; everything from cycle 3 on is missing.",
        f"{fourth}: {DAMAGED}; everything from cycle 3 on is missing.",
    )


async def test_what_is_gone_is_named(tmp_path: Path) -> None:
    run, folder = await unmerged(tmp_path, 4)
    next(folder.glob("events-000002-*")).unlink()
    next(folder.glob("_run-*")).unlink()
    stored = load_run(tmp_path, run)
    # What the run was is in its log as well.
    assert stored.started == run_started(run)
    assert cycles_of(stored) == [cycle(1), cycle(3), cycle(4)]
    assert stored.unreadable == (f"{folder}: files are missing or never stored; cycle 2 is missing.",)


@pytest.mark.parametrize("version", [1, 2, 3, 99])
async def test_a_run_of_another_schema_is_refused_in_one_sentence(tmp_path: Path, version: int) -> None:
    run = await store(tmp_path, [cycle(1)])
    folder = run_folder(tmp_path, run)
    (head,) = folder.glob("_run-*")
    (cycles,) = folder.glob("cycles-*")
    # The early schemas had no checksums in the names of their files.
    pl.read_parquet(head).with_columns(schema_version=pl.lit(version)).write_parquet(folder / "_run.parquet")
    for file in folder.glob("*-*"):
        file.rename(folder / "cycles-000001-000001.parquet") if file == cycles else file.unlink()
    sentence = (
        f"{folder / '_run.parquet'}: its schema version is {version}; this release reads version 4 only."
    )
    for read in (load_run, load_recording):
        with pytest.raises(KnowledgeError) as refused:
            read(tmp_path, run)
        assert str(refused.value) == sentence
    assert list_runs(tmp_path) == RunList((), (sentence,))
    assert check_runs(tmp_path).problems == (sentence,)
    dataset = Dataset(tmp_path)
    assert dataset.scan("cycles").collect().height == 0
    assert dataset.damaged == (sentence,)
    with pytest.raises(KnowledgeError, match="its schema version is"):
        export_run(tmp_path, run, tmp_path / "run.marskit")
    # Refused, it is still left as it is.
    assert {file.name for file in folder.iterdir()} >= {"_run.parquet", "cycles-000001-000001.parquet"}


async def test_the_dataset_can_be_queried_in_place(tmp_path: Path) -> None:
    first = await store(tmp_path, [cycle(1), cycle(2, met=False, act=True)])
    second = await store(tmp_path, [cycle(1, failures_per_s=1.0)])
    frame = pl.read_parquet(tmp_path / "run=*" / "cycles-*.parquet", hive_partitioning=True).sort(
        "run", "cycle"
    )
    assert sorted(frame["run"].unique()) == sorted([first, second])
    row = frame.filter(pl.col("run") == first, pl.col("cycle") == 2).row(0, named=True)
    assert row["slo_met"] is False
    assert row["worst_symptom"] == "latency SLO"
    assert row["replicas_ready"] == 8
    (service,) = pl.read_parquet(run_folder(tmp_path, first) / "services-*").filter(cycle=2).rows(named=True)
    assert (service["latency_p95_ms"], service["slo_latency_ms"], service["slo_met"]) == (412.0, 200.0, False)
    executions = pl.read_parquet(tmp_path / "run=*" / "executions-*.parquet")
    assert executions["target"].to_list() == ["deployment/payments"]
    assert frame.filter(pl.col("run") == second)["failed_requests"].to_list() == [5.0]
    assert pl.read_parquet(tmp_path / "run=*" / "edges-*.parquet")["workload"].n_unique() == 4


async def test_appending_to_what_is_not_open_is_refused(tmp_path: Path) -> None:
    knowledge = ParquetKnowledge(tmp_path)
    with pytest.raises(KnowledgeError, match="not open"):
        await knowledge.append(cycle(1))
    await knowledge.close()


async def test_a_full_disk_is_told_and_the_next_cycle_tried(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    knowledge = ParquetKnowledge(tmp_path)
    folder = run_folder(tmp_path, run)
    folder.rmdir()
    with pytest.raises(FileNotFoundError):
        await knowledge.open(run_started(run))
    with pytest.raises(FileNotFoundError):
        await knowledge.append(cycle(1))
    # The loop goes on and tells of the cycle, which is stored with the next one.
    knowledge.note(CycleCompleted(cycle(1)))
    folder.mkdir()
    await knowledge.append(cycle(2))
    await knowledge.close()
    assert cycles_of(load_run(tmp_path, run)) == [cycle(1), cycle(2)]
    assert [record.covers_s for record in load_run(tmp_path, run).records] == [5.0, 2.0]


async def test_what_cannot_be_stored_for_long_is_let_go_told_and_missed_by_readers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "MOST_HELD", 20)
    run = new_run(tmp_path)
    knowledge = ParquetKnowledge(tmp_path)
    await knowledge.open(run_started(run))
    assert await knowledge.append(cycle(1)) is None
    knowledge.note(ScenarioChanged(3.0, STEADY))
    with monkeypatch.context() as patch:
        patch.setattr(
            "marskit.knowledge.storage.files.LocalStore.write",
            lambda *_: (_ for _ in ()).throw(OSError(ENOSPC, "No space left on device")),
        )
        for number in range(2, 61):
            with pytest.raises(OSError, match="No space"):
                await knowledge.append(cycle(number))
            knowledge.note(CycleCompleted(cycle(number)))
            assert len(knowledge._noted) <= 21
    told = await knowledge.append(cycle(61))
    assert await knowledge.append(cycle(62)) is None
    for closed in (False, True):
        if closed:
            await knowledge.close()
        stored = load_run(tmp_path, run)
        numbers = [record.cycle.id for record in stored.records]
        first = numbers[1]
        assert numbers == [1, *range(first, 63)]
        assert told == (
            f"Storing failed for a while, so the oldest {first - 2} events were discarded; "
            f"completed cycles among them: {first - 2}."
        )
        folder = run_folder(tmp_path, run)
        missing = f"{folder}: files are missing or never stored; cycles 2 to {first - 1} are missing."
        assert stored.unreadable == list_runs(tmp_path).unreadable == (missing,)
        # No cycle speaks for the time of those that are missing, and the scenario is known all the same.
        assert [record.covers_s for record in stored.records[:3]] == [5.0, 5.0, 2.0]
        assert {record.scenario for record in stored.records[1:]} == {"steady"}
        assert not load_recording(tmp_path, run).complete


async def test_a_hole_at_the_beginning_takes_nothing_of_what_the_run_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "MOST_HELD", 6)
    run = new_run(tmp_path)
    knowledge = ParquetKnowledge(tmp_path)
    folder = run_folder(tmp_path, run)
    folder.rmdir()
    with pytest.raises(FileNotFoundError):
        await knowledge.open(run_started(run))
    for number in range(1, 11):
        with pytest.raises(FileNotFoundError):
            await knowledge.append(cycle(number))
        knowledge.note(CycleCompleted(cycle(number)))
    folder.mkdir()
    told = await knowledge.append(cycle(11))
    await knowledge.close()
    recording = load_recording(tmp_path, run)
    kept = [event.cycle.id for event in recording.events if isinstance(event, CycleCompleted)]
    assert recording.events[0] == run_started(run)
    assert kept == list(range(kept[0], 12))
    assert told is not None
    assert f"oldest {kept[0] - 1} events" in told
    assert recording.unreadable == (
        f"{folder}: files are missing or never stored; cycles 1 to {kept[0] - 1} are missing.",
    )


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


def test_a_killed_writer_loses_no_acknowledged_cycle(tmp_path: Path) -> None:
    random = Random(1)
    for _ in range(20):
        run = new_run(tmp_path)
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), run, "0"],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
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
