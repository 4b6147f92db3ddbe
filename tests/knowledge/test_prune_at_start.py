"""Old runs are let go when a new one begins, if that is asked for."""

import asyncio
from pathlib import Path
from unittest.mock import patch

import pytest

from marskit.cli.main import main
from marskit.domain.events import BaselinesLoaded, Event, Noticed, RunStarted
from marskit.domain.loop_events import Planned
from marskit.knowledge.care.retention import Keep
from marskit.knowledge.port import KnowledgeError
from marskit.knowledge.read.runs import load_run
from marskit.knowledge.storage.files import run_folder
from marskit.knowledge.storage.store import open_store
from marskit.knowledge.write.parquet import ParquetKnowledge
from tests.knowledge.cycles import cycle, run_started
from tests.replay.runs import twin_run

OLD, HELD = "20250101T000000Z-0001", "20250101T000000Z-0002"
LEAST = Keep(size_bytes=1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with two old runs."""

    async def write(run: str) -> None:
        run_folder(tmp_path, run).mkdir()
        knowledge = ParquetKnowledge(tmp_path)
        await knowledge.open(run_started(run))
        await knowledge.append(cycle(1))
        await knowledge.close()

    for run in (OLD, HELD):
        asyncio.run(write(run))
    return tmp_path


def begin(root: Path, keep: Keep | None, **settings: object) -> tuple[str, list[Event]]:
    """The id of a short run that began in that folder, and its events."""
    given = {"cycles": 12, "engine": "fast", "preview": False, "seed": 1, "keep": keep, **settings}
    events = twin_run(root, **given).events  # type: ignore[arg-type] # as given
    return next(event.run for event in events if isinstance(event, RunStarted)), events


def told(events: list[Event]) -> list[str]:
    return [event.sentence for event in events if isinstance(event, Noticed)]


def test_unless_it_is_asked_for_all_runs_are_kept(root: Path) -> None:
    run, events = begin(root, None)
    assert told(events) == []
    assert open_store(root).runs() == [OLD, HELD, run]


@pytest.mark.parametrize("keep", [Keep(days=30), LEAST, Keep(days=30, size_bytes=10**9)])
def test_what_is_not_to_be_kept_goes_but_never_this_run_nor_one_that_is_being_written(
    keep: Keep, root: Path
) -> None:
    with open_store(root).hold(HELD):
        run, events = begin(root, keep)
    (sentence,) = told(events)
    assert sentence.startswith("1 earlier run, 0.")
    assert open_store(root).runs() == [HELD, run]
    stored = load_run(root, run)
    assert (len(stored.records), stored.unreadable) == (12, ())
    assert sentence in [
        incident.sentence
        for record in stored.records
        for incident in record.incidents
        if isinstance(incident, Noticed)
    ]
    # What is within the limits is not told.
    assert told(begin(root, Keep(days=36499, size_bytes=10**9))[1]) == []


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        (Keep(days=30), "runs of the last 30 days"),
        (LEAST, "the newest runs up to 0.001KB"),
        (Keep(days=1.5, size_bytes=2 * 10**9), "runs of the last 1.5 days up to 2GB"),
    ],
)
def test_the_sentence_says_what_is_kept(keep: Keep, kept: str, root: Path) -> None:
    (sentence,) = told(begin(root, keep, cycles=2)[1])
    assert sentence.startswith("2 earlier runs, ")
    assert sentence.endswith(f" MB, removed; kept: {kept}.")


def test_they_are_read_before_they_go(tmp_path: Path) -> None:
    first, _ = begin(tmp_path, None)
    second, events = begin(tmp_path, LEAST, baselines=True, seed=2)
    assert any(isinstance(event, BaselinesLoaded) for event in events)
    shown = {similar.run for e in events if isinstance(e, Planned) for similar in e.plan.similar}
    assert shown == {first}
    assert open_store(tmp_path).runs() == [second]


def test_what_cannot_be_removed_is_told_and_stops_nothing(root: Path) -> None:
    def fail(*arguments: object) -> None:
        raise KnowledgeError("The run is stuck.")

    with patch("marskit.assembly.bootstrap.prune_at_start", fail):
        _, events = begin(root, LEAST)
    assert told(events) == ["Not all old runs could be removed: The run is stuck."]


def test_the_command_line_lets_go_of_old_runs(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = "--mesh twin --engine fast --headless --cycles 2 --keep-days 30 --keep-size 2GB --runs"
    assert main([*arguments.split(), str(root)]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "earlier runs" in line]
    assert line.endswith("removed; kept: runs of the last 30 days up to 2GB.")
    assert len(open_store(root).runs()) == 1
