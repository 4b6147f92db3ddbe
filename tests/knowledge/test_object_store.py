"""Runs in an object store: the real client over HTTP against a server that speaks S3."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import polars as pl
import pytest
from moto.server import ThreadedMotoServer

from marskit.cli.main import main
from marskit.knowledge.care.checking import check_runs
from marskit.knowledge.care.retention import Keep, prune, prune_at_start
from marskit.knowledge.care.sharing import export_run, import_run
from marskit.knowledge.format.tables import TABLES, table_schema
from marskit.knowledge.port import KnowledgeError
from marskit.knowledge.read.dataset import Dataset
from marskit.knowledge.read.recording import load_recording
from marskit.knowledge.read.runs import find_run, list_runs, load_run
from marskit.knowledge.storage.store import new_run, open_store
from marskit.knowledge.write.parquet import ParquetKnowledge
from tests.knowledge.cycles import cycle, run_started

pytestmark = pytest.mark.xdist_group("s3")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    name = tmp_path.name.replace("_", "-")[:60].strip("-")
    assert httpx.put(f"{endpoint}/{name}").status_code == 200
    return f"s3://{name}/runs"


async def test_a_run_is_written_read_queried_checked_and_removed(
    bucket: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cycles = [cycle(1), cycle(2, met=False, act=True), cycle(3)]
    run = new_run(bucket)
    knowledge = ParquetKnowledge(bucket)
    await knowledge.open(run_started(run))
    for one in cycles:
        await knowledge.append(one)
    # While it goes on:
    assert Dataset(bucket).scan("cycles").collect()["cycle"].to_list() == [1, 2, 3]
    assert open_store(bucket).is_live(run)
    assert prune(bucket, Keep(size_bytes=1), really=True) == ()
    await knowledge.close()

    assert not open_store(bucket).is_live(run)
    assert find_run(bucket, "last") == run
    assert [record.cycle for record in load_run(bucket, run).records] == cycles
    assert load_recording(bucket, run).complete
    for table in TABLES:
        frame = Dataset(bucket).scan(table).collect()
        assert frame.schema == table_schema(table)
        assert frame.height or table == "effects"
    # Without us:
    counted = pl.scan_parquet(
        f"{bucket}/run=*/workloads-*.parquet", storage_options={"aws_allow_http": "true"}
    ).select(pl.len())
    assert counted.collect().item() == 12

    assert main(["runs", "--check", "--runs", bucket]) == 0
    assert main(["report", "last", "--runs", bucket]) == 0
    assert f"run {run}: spike" in capsys.readouterr().out

    export_run(bucket, run, tmp_path / "run.marskit")
    import_run(tmp_path / "local", tmp_path / "run.marskit")
    import_run(f"{bucket}-copy", tmp_path / "run.marskit")
    assert load_run(tmp_path / "local", run) == load_run(f"{bucket}-copy", run) == load_run(bucket, run)
    assert [gone.run for gone in prune(bucket, Keep(size_bytes=1), really=True)] == [run]
    assert list_runs(bucket).runs == ()


async def test_a_run_that_begins_lets_the_old_ones_go(bucket: str) -> None:
    runs = []
    for _ in range(3):
        runs.append(new_run(bucket))
        knowledge = ParquetKnowledge(bucket)
        await knowledge.open(run_started(runs[-1]))
        await knowledge.append(cycle(1))
        if len(runs) > 1:
            await knowledge.close()
        else:
            live = knowledge
    told = prune_at_start(bucket, Keep(size_bytes=10**3), runs[1])
    assert told is not None
    assert told.startswith("1 earlier run, 0.")
    assert open_store(bucket).runs() == sorted(runs[:2])
    assert prune_at_start(bucket, Keep(days=1), runs[1]) is None
    await live.close()


async def test_a_damaged_object_is_put_aside(bucket: str) -> None:
    run = new_run(bucket)
    knowledge = ParquetKnowledge(bucket)
    await knowledge.open(run_started(run))
    await knowledge.append(cycle(1))
    await knowledge.close()
    store = open_store(bucket)
    name = next(name for name in store.sizes(run) if name.startswith("edges-"))
    store.write(run, name, b"PAR1 torn")
    checked = check_runs(bucket)
    assert checked.set_aside == (f"{bucket}/run={run}/{name}.corrupt",)
    assert "nothing is lost" in checked.problems[0]
    assert Dataset(bucket).scan("edges").collect().height == 4


def test_what_cannot_be_reached_is_told_in_one_sentence(
    bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runs", "--runs", "s3://no-such-bucket/runs"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("marskit: s3://no-such-bucket/runs: the object store cannot be used")
    assert told.count("\n") == 1
    with pytest.raises(KnowledgeError, match="this is not an object store"):
        open_store("gopher://somewhere/runs")
