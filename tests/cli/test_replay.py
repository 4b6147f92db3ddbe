"""`marskit replay` without a screen: events, hashes, branches, and what is refused in one sentence."""

import json
import shutil
from pathlib import Path

import pytest

from marskit.branching.child import Told
from marskit.cli.main import main
from marskit.domain.events import Event, RunStarted
from marskit.domain.loop_events import CycleCompleted
from marskit.knowledge.format.codec import loads
from marskit.knowledge.read.runs import find_run, list_runs
from marskit.replay.branched import Branched
from marskit.replay.fingerprint import Fingerprints
from tests.replay.runs import Watched, twin_run


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Watched]:
    runs = tmp_path_factory.mktemp("runs")
    return runs, twin_run(runs, cycles=9, look=Fingerprints().of, preview=False)


def lines(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["replay", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return str(out).splitlines()


def test_the_events_are_printed_as_they_were(
    stored: tuple[Path, Watched], capsys: pytest.CaptureFixture[str]
) -> None:
    runs, live = stored
    told = lines(capsys, "last", "--headless", "--json", "--runs", str(runs))
    assert [loads(line, Event) for line in told] == live.events
    later = lines(capsys, "last", "--headless", "--json", "--at", "5", "--runs", str(runs))
    assert later == told[len(told) - len(later) :]
    assert min(e.cycle.id for line in later if isinstance(e := loads(line, Event), CycleCompleted)) == 5


def test_the_hashes_are_those_of_the_live_states(
    stored: tuple[Path, Watched], capsys: pytest.CaptureFixture[str]
) -> None:
    runs, live = stored
    told = [
        json.loads(line)
        for line in lines(capsys, "last", "--headless", "--json", "--hashes", "--runs", str(runs))
    ]
    assert [each["hash"] for each in told] == live.seen
    assert [each["step"] for each in told] == list(range(1, len(live.events) + 1))
    assert told[0]["event"] == "RunStarted"


def test_the_story_is_told_again(stored: tuple[Path, Watched], capsys: pytest.CaptureFixture[str]) -> None:
    runs, _ = stored
    told = lines(capsys, "last", "--headless", "--runs", str(runs))
    assert "spike" in told[0]
    assert sum("orders" in line for line in told) > 0
    assert any("SLO-violation minutes" in line for line in told)


def test_a_branch_is_told_in_figures_and_words_and_kept(
    stored: tuple[Path, Watched], capsys: pytest.CaptureFixture[str]
) -> None:
    runs, _ = stored
    recorded = find_run(runs, "last")
    arguments = ("--branch", "static", "--at", "4", "--headless", "--runs", str(runs))
    told = "\n".join(lines(capsys, recorded, *arguments))
    assert "static instead of threshold from cycle 4 (00:06) to 00:16" in told
    assert "recorded (twin)" in told
    assert "same (twin)" in told
    assert "static (twin)" in told
    assert "The recording comes from the twin itself" in told
    kept = {run.run: run.planner for run in list_runs(runs).runs if run.run != recorded}
    assert sorted(kept.values()) == ["as-recorded", "static"]
    *progress, last = lines(capsys, recorded, *arguments, "--json", "--cycles", "2")
    assert [json.loads(line) for line in progress] == [
        {"kind": "BranchProgress", "planner": planner, "done": done, "of": 2}
        for planner in ("static", "as-recorded")
        for done in (1, 2)
    ]
    found = loads(last, Told)
    assert isinstance(found, Branched)
    assert (found.cycle, len(found.branch.moments)) == (4, 2)
    # A branch is a run like any other, and can be branched in turn.
    again = lines(capsys, found.branch.run, "--headless", "--json", "--runs", str(runs))
    started = loads(again[0], Event)
    assert isinstance(started, RunStarted)
    assert started.parent is not None
    assert started.parent.run == recorded


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["20990101", "--headless"], "contains no run '20990101'; the latest is"),
        (["last", "--headless", "--at", "77"], "There is no cycle 77 in run"),
        (["last", "--hashes"], "--hashes needs --headless"),
        (["last", "--json"], "--json needs --headless"),
        (["last", "--branch", "hpa", "--at", "3"], "--branch needs --headless"),
        (["last", "--headless", "--branch", "hpa"], "--branch needs --at CYCLE"),
        (["last", "--headless", "--cycles", "3"], "--cycles goes with --branch"),
        (["last", "--headless", "--branch", "hpa", "--at", "3", "--cycles", "1"], "must be 2 or more"),
        (["last", "--headless", "--branch", "magic", "--at", "1"], "Unknown planner 'magic'"),
        (["last"], "needs a terminal"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_one_sentence(
    stored: tuple[Path, Watched], capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    runs, _ = stored
    before = sorted(runs.glob("*"))
    assert main(["replay", *arguments, "--runs", str(runs)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("marskit: ")
    assert err.count("\n") == 1
    assert sentence in err
    assert sorted(runs.glob("*")) == before


def test_the_last_cycle_cannot_be_branched_from(
    stored: tuple[Path, Watched], capsys: pytest.CaptureFixture[str]
) -> None:
    runs, live = stored
    started = live.events[0]
    assert isinstance(started, RunStarted)
    branch = ("--headless", "--branch", "hpa", "--at", "9", "--runs", str(runs))
    assert main(["replay", started.run, *branch]) == 2
    assert capsys.readouterr() == (
        "",
        f"marskit: Run {started.run} has nothing after cycle 9 to compare with; "
        "cycles 1 to 8 can be branched from.\n",
    )


def test_a_folder_without_runs_and_a_run_without_a_head_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", "last", "--headless", "--runs", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"marskit: {tmp_path} contains no runs.\n"
    (tmp_path / "run=20260101T000000Z-0000").mkdir()
    assert main(["replay", "last", "--headless", "--runs", str(tmp_path)]) == 2
    assert "20260101T000000Z-0000" in capsys.readouterr().err


def test_a_run_whose_events_are_damaged_is_refused_and_the_file_named(
    stored: tuple[Path, Watched], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs, _ = stored
    run = sorted(folder.name for folder in runs.glob("run=*"))[0]
    shutil.copytree(runs / run, tmp_path / run)
    (part,) = (tmp_path / run).glob("events-*.parquet")
    part.write_bytes(part.read_bytes()[:200])
    assert main(["replay", "last", "--headless", "--json", "--runs", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"marskit: Run {run.removeprefix('run=')} cannot be replayed: ")
    assert part.name in err
    assert err.count("\n") == 1
