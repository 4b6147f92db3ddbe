"""All runs as tables."""

from dataclasses import replace
from pathlib import Path

import pytest

from marskit.knowledge.format.tables import TABLES, table_schema
from marskit.knowledge.read.dataset import Dataset
from marskit.knowledge.storage.files import run_folder
from marskit.knowledge.storage.store import new_run
from marskit.knowledge.write.parquet import ParquetKnowledge
from tests.knowledge.cycles import cycle, effect, run_started
from tests.knowledge.test_parquet import store, unmerged


@pytest.mark.parametrize("table", TABLES)
def test_without_runs_there_are_tables_without_rows(table: str, tmp_path: Path) -> None:
    frame = Dataset(tmp_path / "nowhere").scan(table).collect()
    assert frame.schema == table_schema(table)
    assert frame.height == 0


@pytest.mark.parametrize("table", TABLES)
async def test_live_killed_and_ended_runs_are_one_table(table: str, tmp_path: Path) -> None:
    cycles = [cycle(1), replace(cycle(2, met=False, act=True), effects=(effect(1),)), cycle(3)]
    await store(tmp_path, cycles)
    # One part of five cycles, and one cycle that was not merged.
    await unmerged(tmp_path, 6)
    knowledge = ParquetKnowledge(tmp_path)
    live = new_run(tmp_path)
    await knowledge.open(run_started(live))
    for one in cycles:
        await knowledge.append(one)
    dataset = Dataset(tmp_path)
    scan = dataset.scan(table)
    # It ends before anybody reads.
    await knowledge.close()
    frame = scan.collect()
    assert frame.schema == table_schema(table)
    assert dataset.damaged == ()
    assert frame.equals(frame.sort("run", "cycle", maintain_order=True))
    counted = dict(frame.group_by("run").len().iter_rows())
    rows = {"cycles": 1, "services": 1, "workloads": 4, "edges": 4, "candidates": 1}
    if table in rows:
        assert sorted(counted.values()) == [rows[table] * n for n in (3, 3, 6)]
    assert dataset.scan(table).collect().equals(frame)
    assert Dataset(tmp_path).scan(table, [live]).collect().equals(frame.filter(run=live))


async def test_each_table_says_what_the_cycles_say(tmp_path: Path) -> None:
    one = cycle(2, met=False, act=True)
    run = await store(tmp_path, [cycle(1), replace(one, effects=(effect(1),))])
    dataset = Dataset(tmp_path)

    def row(table: str, **where: object) -> dict[str, object]:
        (found,) = dataset.scan(table).filter(cycle=2, **where).collect().rows(named=True)
        return found

    assert row("cycles")["bottleneck"] == "payments"
    assert row("cycles")["scenario_s"] == row("cycles")["at_s"] == 4.0
    assert row("workloads", workload="payments")["replicas_ready"] == 2
    assert row("edges", workload="payments")["latency_p95_ms"] == 412.0
    symptom = row("symptoms")
    assert (symptom["rank"], symptom["metric"], symptom["value"], symptom["n"]) == (
        0,
        "latency_p95_ms",
        412.0,
        100,
    )
    assert row("candidates")["actions"] == "scale payments to 3"
    assert row("executions")["outcome"] == "applied"
    assert row("effects")["latency_p95_after_ms"] == 60.0
    assert row("events", kind="CycleCompleted")["run"] == run


async def test_a_damaged_table_is_made_again_from_the_log_and_a_damaged_log_hides_no_table(
    tmp_path: Path,
) -> None:
    run = await store(tmp_path, [cycle(n) for n in range(1, 6)])
    whole = Dataset(tmp_path).scan("workloads").collect()
    (table,) = run_folder(tmp_path, run).glob("workloads-*")
    content = table.read_bytes()
    table.write_bytes(content[:-9])
    dataset = Dataset(tmp_path)
    assert dataset.scan("workloads").collect().equals(whole)
    (sentence,) = dataset.damaged
    assert str(table) in sentence
    assert sentence.endswith("nothing is lost, other files contain the same.")
    table.write_bytes(content)
    (log,) = run_folder(tmp_path, run).glob("events-*")
    log.write_bytes(b"")
    dataset = Dataset(tmp_path)
    assert dataset.scan("workloads").collect().equals(whole)
    assert not dataset.damaged
    assert dataset.scan("events").collect().height == 0
    (sentence,) = dataset.damaged
    assert sentence.endswith("everything from cycle 1 on is missing.")
