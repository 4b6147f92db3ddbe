"""Another engine reads the files where they lie, and finds the same numbers."""

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from marskit.knowledge.format.tables import TABLES
from marskit.knowledge.read.dataset import Dataset
from tests.knowledge.cycles import cycle, effect
from tests.knowledge.test_parquet import store


@pytest.mark.parametrize("table", TABLES)
async def test_duckdb_reads_every_table_in_place(table: str, tmp_path: Path) -> None:
    for payments in (2, 3):
        acted = cycle(2, met=False, act=True, payments=payments)
        await store(tmp_path, [cycle(1), acted, replace(cycle(3), effects=(effect(2),))])
    files = f"{tmp_path}/run=*/{table}-*.parquet"
    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT * FROM read_parquet(?, hive_partitioning = true) ORDER BY run, cycle", [files]
        ).fetchall()
        names = [column[0] for column in connection.description or ()]
    ours = Dataset(tmp_path).scan(table).collect()
    assert names == ours.columns
    assert ours.height > 0
    assert sorted(rows, key=repr) == sorted(ours.rows(), key=repr)


async def test_duckdb_answers_a_question_over_runs(tmp_path: Path) -> None:
    runs = [await store(tmp_path, [cycle(1, payments=n), cycle(2, payments=n + 2)]) for n in (2, 5)]
    with duckdb.connect() as connection:
        answered = connection.execute(
            "SELECT run, max(replicas_ready) FROM read_parquet(?, hive_partitioning = true) "
            "WHERE workload = 'payments' GROUP BY run ORDER BY run",
            [f"{tmp_path}/run=*/workloads-*.parquet"],
        ).fetchall()
    assert answered == sorted(zip(runs, (4, 7), strict=True))
