"""Recorded runs are checked, pruned, exported and imported."""

import json
import zipfile
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from marskit.cli.main import main
from marskit.knowledge.care.checking import check_runs
from marskit.knowledge.care.retention import Keep, parse_size, prune, size_text
from marskit.knowledge.care.sharing import MANIFEST, export_run, import_run
from marskit.knowledge.port import KnowledgeError
from marskit.knowledge.read.recording import load_recording
from marskit.knowledge.read.runs import list_runs
from marskit.knowledge.storage.files import LocalStore, run_folder
from marskit.knowledge.storage.store import new_run
from marskit.knowledge.write.parquet import ParquetKnowledge
from tests.knowledge.cycles import cycle, run_started
from tests.knowledge.test_parquet import store, unmerged


def under(root: Path, pattern: str = "**/*") -> list[Path]:
    return sorted(root.glob(pattern))


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 8
    path.write_bytes(content)


async def test_a_check_puts_damaged_files_aside_and_says_what_is_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await store(tmp_path, [cycle(1)])
    await store(tmp_path, [cycle(1), cycle(2)])
    assert main(["runs", "--check", "--runs", str(tmp_path)]) == 0
    assert "20 files of 2 runs: all intact" in capsys.readouterr().out
    _, folder = await unmerged(tmp_path, 3)
    second = next(folder.glob("events-000002-*"))
    flip_a_bit(second)
    table = under(tmp_path, "run=*/workloads-000001-000002-*")[0]
    table.write_bytes(b"")
    assert main(["runs", "--check", "--runs", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert f"{table}: this file is damaged" in told.err
    assert "nothing is lost, other files contain the same." in told.err
    assert f"{second}: this file is damaged" in told.err
    assert "cycle 2 is missing." in told.err
    assert f"set aside as {second}.corrupt\n" in told.out
    assert not second.exists()
    # A file that was set aside is no longer in the way, but what it held is still missing.
    (problem,) = check_runs(tmp_path).problems
    assert problem == f"{folder}: files are missing or never stored; cycle 2 is missing."


async def test_the_folder_of_a_run_that_ended_before_its_first_cycle_is_no_damage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await store(tmp_path, [cycle(1)])
    (tmp_path / "run=20260101T000000Z-dead").mkdir()
    assert check_runs(tmp_path).problems == ()
    assert main(["runs", "--check", "--runs", str(tmp_path)]) == 0
    listed = list_runs(tmp_path)
    assert (len(listed.runs), listed.unreadable) == (1, ())
    capsys.readouterr()


async def test_a_check_leaves_the_files_of_a_live_run_where_they_are(tmp_path: Path) -> None:
    knowledge = ParquetKnowledge(tmp_path)
    run = new_run(tmp_path)
    await knowledge.open(run_started(run))
    await knowledge.append(cycle(1))
    (file,) = run_folder(tmp_path, run).glob("events-*")
    flip_a_bit(file)
    checked = check_runs(tmp_path)
    assert (len(checked.problems), checked.set_aside) == (1, ())
    assert file.exists()
    await knowledge.close()


async def test_pruning_keeps_the_newest_and_whatever_is_live(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = []
    for day in (1, 2, 3):
        run = f"202601{day:02}T000000Z-000{day}"
        run_folder(tmp_path, run).mkdir(parents=True)
        knowledge = ParquetKnowledge(tmp_path)
        await knowledge.open(run_started(run))
        await knowledge.append(cycle(1))
        runs.append(run)
        if day != 1:
            await knowledge.close()
        else:
            live = knowledge
    now = datetime(2026, 1, 4, tzinfo=UTC) - timedelta(hours=1)
    assert [p.run for p in prune(tmp_path, Keep(days=2.5), really=False, now=now)] == []
    assert [p.run for p in prune(tmp_path, Keep(days=1.5), really=False, now=now)] == [runs[1]]
    newest = sum(path.stat().st_size for path in run_folder(tmp_path, runs[2]).iterdir())
    assert [p.run for p in prune(tmp_path, Keep(size_bytes=newest), really=False)] == [runs[1]]
    assert [p.run for p in prune(tmp_path, Keep(size_bytes=10**9), really=False)] == []
    await live.close()
    command = ["runs", "--prune", "--keep-size", f"{newest / 1e3}KB", "--runs", str(tmp_path)]
    assert main(command) == 0
    assert "2 runs, " in (told := capsys.readouterr().out)
    assert "would be removed; add --yes" in told
    assert len(list_runs(tmp_path).runs) == 3
    assert main([*command, "--yes"]) == 0
    assert "removed" in capsys.readouterr().out
    assert [run.run for run in list_runs(tmp_path).runs] == runs[2:]
    assert [path.name for path in under(tmp_path, "*")] == [f"run={runs[2]}"]


def test_what_is_about_to_be_written_or_spared_is_not_pruned(tmp_path: Path) -> None:
    now = datetime(2026, 1, 4, tzinfo=UTC)
    left, begun, old = "20260103T000000Z-0001", "20260103T233000Z-0002", "20260101T000000Z-0003"
    for run in (left, begun, old):
        run_folder(tmp_path, run).mkdir()
    days = Keep(days=0.001)
    assert [p.run for p in prune(tmp_path, days, really=False, now=now)] == [old, left]
    assert [p.run for p in prune(tmp_path, days, really=False, now=now, spared=(old,))] == [left]


async def test_a_removal_that_was_cut_short_is_ended_by_the_next_one(tmp_path: Path) -> None:
    await store(tmp_path, [cycle(1)])
    left = tmp_path / ".run=20260101T000000Z-0001.removed"
    left.mkdir()
    (left / "events-000001-000001-r9-00000000.parquet").write_bytes(b"PAR1")
    assert len(prune(tmp_path, Keep(size_bytes=1), really=True)) == 1
    assert under(tmp_path, "*") == []


async def test_a_run_that_somebody_else_removed_meanwhile_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [await store(tmp_path, [cycle(1)]) for _ in range(2)]
    remove_run = LocalStore.remove_run

    def remove_twice(self: LocalStore, run: str) -> None:
        remove_run(self, run)
        remove_run(self, run)

    monkeypatch.setattr(LocalStore, "remove_run", remove_twice)
    assert {p.run for p in prune(tmp_path, Keep(size_bytes=1), really=True)} == {*runs}
    assert list_runs(tmp_path).runs == ()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--prune"], "--prune needs --keep-days or --keep-size"),
        (["--prune", "--keep-days", "0"], "--keep-days is 0; it must be above 0"),
        (["--prune", "--keep-days", "nan"], "--keep-days is nan; it must be above 0"),
        (["--prune", "--keep-size", "much"], "--keep-size is 'much'; it must be a number with KB"),
        (["--prune", "--keep-size", "0GB"], "--keep-size is '0GB'; it must be a number with KB"),
        (["--keep-days", "3"], "--keep-days needs --prune"),
        (["--yes"], "--yes needs --prune"),
        (["--check", "--prune"], "not allowed with argument --check"),
    ],
)
def test_nonsense_is_refused(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runs", *arguments, "--runs", str(tmp_path)]) == 2
    assert sentence in capsys.readouterr().err


def test_sizes() -> None:
    assert [parse_size(text) for text in ("2GB", "500 mb", "1.5TB")] == [2 * 10**9, 5 * 10**8, 15 * 10**11]
    texts = ["0.5KB", "2GB", "500MB", "1.5TB"]
    assert [size_text(parse_size(text)) for text in texts] == texts


async def test_a_run_travels_as_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, away, file = tmp_path / "home", tmp_path / "away", tmp_path / "spike.marskit"
    run = await store(home, [cycle(1), cycle(2, met=False, act=True)])
    assert main(["export", "last", str(file), "--runs", str(home)]) == 0
    assert main(["import", str(file), "--runs", str(away)]) == 0
    assert f"run {run} is in {away}" in capsys.readouterr().out
    assert load_recording(away, run) == load_recording(home, run)
    assert check_runs(away).problems == ()
    # Neither a file nor a run is ever replaced.
    assert main(["export", "last", str(file), "--runs", str(home)]) == 2
    assert "this file exists already" in capsys.readouterr().err
    assert main(["import", str(file), "--runs", str(away)]) == 2
    assert f"the run {run} is in {away} already" in capsys.readouterr().err


async def test_a_damaged_run_is_not_exported(tmp_path: Path) -> None:
    run, folder = await unmerged(tmp_path, 2)
    flip_a_bit(next(folder.glob("events-000001-*")))
    with pytest.raises(KnowledgeError, match="this file is damaged"):
        export_run(tmp_path, run, tmp_path / "out.marskit")
    assert not (tmp_path / "out.marskit").exists()


def rewrite(file: Path, change: Callable[[dict[str, bytes], dict[str, object]], None]) -> None:
    """Change the members and the manifest of an archive."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members.pop(MANIFEST))
    change(members, manifest)
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.writestr(MANIFEST, json.dumps(manifest))


def _climb(members: dict[str, bytes], manifest: dict[str, object]) -> None:
    members["../../evil.parquet"] = b"x"
    manifest["files"] = [{"name": "../../evil.parquet", "size": 1, "crc": zlib.crc32(b"x")}]


def _flip(members: dict[str, bytes], manifest: dict[str, object]) -> None:
    name = sorted(members)[-1]
    members[name] = members[name][:-1] + b"!"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_climb, "'../../evil.parquet' is not a file of a run"),
        (_flip, "in it is damaged"),
        (lambda members, manifest: manifest.update(run="../up"), "'../up' is not a run id"),
        (lambda members, manifest: manifest.update(format=2), "it was exported by another release"),
        (lambda members, manifest: manifest.update(schema_version=99), "it was exported by another release"),
        (lambda members, manifest: manifest.update(schema_version=2), "it was exported by another release"),
        (lambda members, manifest: manifest.pop("files"), "its manifest is missing or damaged"),
        (lambda members, manifest: members.clear(), ".* is in its manifest but not in the archive"),
    ],
)
async def test_what_is_not_whole_is_refused_and_leaves_nothing(
    change: Callable[[dict[str, bytes], dict[str, object]], None], sentence: str, tmp_path: Path
) -> None:
    file = tmp_path / "run.marskit"
    export_run(tmp_path, await store(tmp_path, [cycle(1)]), file)
    rewrite(file, change)
    before = under(tmp_path)
    with pytest.raises(KnowledgeError, match=sentence):
        import_run(tmp_path / "away", file)
    assert under(tmp_path) == before


async def test_a_torn_or_missing_archive_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "run.marskit"
    with pytest.raises(KnowledgeError, match="this is not an exported run"):
        import_run(tmp_path / "away", file)
    export_run(tmp_path, await store(tmp_path, [cycle(1)]), file)
    content = file.read_bytes()
    for torn in (b"", content[:100], content[: len(content) // 2], content[:-1]):
        file.write_bytes(torn)
        with pytest.raises(KnowledgeError, match="this is not an exported run, or it is damaged"):
            import_run(tmp_path / "away", file)
    assert not (tmp_path / "away").exists()
