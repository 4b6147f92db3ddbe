from pathlib import Path

import pytest

from marskit.knowledge.port import KnowledgeError
from marskit.knowledge.read.runs import find_run, list_runs, load_run
from marskit.knowledge.record import figures
from marskit.knowledge.storage.files import run_folder
from marskit.knowledge.storage.store import new_run
from tests.knowledge.cycles import cycle
from tests.knowledge.test_parquet import store


async def test_the_list_shows_the_headline_figures(tmp_path: Path) -> None:
    cycles = [
        cycle(1),
        cycle(2, met=False, failures_per_s=1.5, act=True),
        cycle(3, met=False, payments=3, failures_per_s=1.5),
        cycle(4, payments=3),
    ]
    run = await store(tmp_path, cycles)
    listed = list_runs(tmp_path)
    (summary,) = listed.runs
    assert (summary.run, summary.mesh, summary.scenario, summary.planner, summary.seed) == (
        run,
        "fake",
        "spike",
        "threshold",
        7,
    )
    assert summary.figures.cycles == 4
    assert summary.figures.duration_s == 11.0
    assert summary.figures.violation_real_s == 4.0
    assert summary.figures.violation_minutes == pytest.approx(4.0 / 60.0)
    assert summary.figures.replica_minutes == pytest.approx((8 * 5 + 8 * 2 + 9 * 2 + 9 * 2) / 60.0)
    assert summary.figures.failed_requests == 6
    assert summary.figures.actions == 1
    assert summary.figures == figures(load_run(tmp_path, run).records)


async def test_a_run_whose_files_are_gone_does_not_hide_the_others(tmp_path: Path) -> None:
    gone, kept = await store(tmp_path, [cycle(1)]), await store(tmp_path, [cycle(1)])
    (run_folder(tmp_path, gone) / "cycles-000002-000002-r1-00000000.parquet").symlink_to(tmp_path / "nowhere")
    listed = list_runs(tmp_path)
    assert [summary.run for summary in listed.runs] == [kept]
    assert listed.unreadable == (
        f"{run_folder(tmp_path, gone)}: its files change faster than they can be read.",
    )


async def test_runs_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    good = await store(tmp_path, [cycle(1)])
    bad = await store(tmp_path, [cycle(1)])
    for path in run_folder(tmp_path, bad).glob("*.parquet"):
        path.write_bytes(b"PAR1")
    listed = list_runs(tmp_path)
    assert [summary.run for summary in listed.runs] == [good]
    assert bad in listed.unreadable[0]
    assert list_runs(tmp_path / "nowhere").runs == ()


async def test_a_run_without_cycles_is_listed(tmp_path: Path) -> None:
    await store(tmp_path, [])
    (summary,) = list_runs(tmp_path).runs
    assert summary.figures.cycles == 0


def test_a_run_is_found_by_id_by_its_beginning_and_as_the_last(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="contains no runs"):
        find_run(tmp_path, "last")
    for run in ("2026-a", "2026-b", "2027-c"):
        run_folder(tmp_path, run).mkdir()
    assert find_run(tmp_path, "last") == "2027-c"
    assert find_run(tmp_path, "2026-a") == "2026-a"
    assert find_run(tmp_path, "2027") == "2027-c"
    with pytest.raises(KnowledgeError, match=r"2 runs in .* begin with '2026', such as 2026-a"):
        find_run(tmp_path, "2026")
    with pytest.raises(KnowledgeError, match=r"contains no run 'x'; the latest is 2027-c"):
        find_run(tmp_path, "x")


def test_what_a_run_was_must_be_readable_to_load_it(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    with pytest.raises(KnowledgeError, match="this file is missing, so the run cannot be described"):
        load_run(tmp_path, run)
    (run_folder(tmp_path, run) / "_run.parquet").write_bytes(b"PAR1")
    with pytest.raises(KnowledgeError, match="this file cannot be read"):
        load_run(tmp_path, run)
