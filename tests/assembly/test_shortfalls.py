"""A run that did not do what it was asked says so: in its exit code, its end, its report and the list."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from marskit.assembly.bootstrap import build
from marskit.assembly.settings import Settings
from marskit.console.report import report_lines, runs_lines
from marskit.console.tellers import StoryTeller
from marskit.controller.batch import Ending, run_headless
from marskit.controller.controller import Controller
from marskit.domain.load import ClientCounts, LoadSample, RequestFailure, counted
from marskit.knowledge.read.runs import find_run, list_runs, load_run
from marskit.timing.virtual_loop import VirtualLoop

STEADY = Settings(mesh="twin", scenario="steady", planner="static", preview=False)


def ran(folder: Path, change: Callable[[Controller], None], cycles: int = 4) -> tuple[Ending, str]:
    console = Console(file=io.StringIO(), record=True, width=160)

    async def factory() -> Controller:
        controller = await build(replace(STEADY, runs=folder))
        change(controller)
        return controller

    teller = StoryTeller(console, folder)
    ending = run_headless(factory, teller, cycles=cycles, loop_factory=VirtualLoop)
    return ending, console.export_text()


def counting(change: Callable[[ClientCounts], ClientCounts]) -> Callable[[Controller], None]:
    def patch(controller: Controller) -> None:
        load: Any = controller._load
        real = load.sample

        async def sample() -> LoadSample:
            found: LoadSample = await real()
            return replace(found, counts=change(found.counts or ClientCounts()))

        load.sample = sample

    return patch


def nothing_sent(counts: ClientCounts) -> ClientCounts:
    return ClientCounts(counts.offered, 0, counted([(RequestFailure.NOT_SENT, counts.offered)]))


def all_fail(counts: ClientCounts) -> ClientCounts:
    return ClientCounts(counts.offered, 0, counted([(RequestFailure.STATUS_4XX, counts.sent)]))


def full_disk(controller: Controller) -> None:
    """The disk is full from the third cycle on."""
    knowledge: Any = controller._knowledge
    write = knowledge._store.write

    def refuse(run: str, name: str, content: bytes) -> None:
        if controller.state.cycles_done >= 2:
            raise OSError(28, "No space left on device", name)
        write(run, name, content)

    knowledge._store.write = refuse


@pytest.mark.parametrize(
    ("change", "sentence", "word"),
    [
        (counting(nothing_sent), "No request was sent in 3 of 4 cycles, first in cycle 2.", "starved"),
        (counting(all_fail), "No request succeeded in 3 of 4 cycles, first in cycle 2.", "unserved"),
    ],
)
def test_it_is_told_and_the_exit_code_is_not_0(
    change: Callable[[Controller], None], sentence: str, word: str, tmp_path: Path
) -> None:
    ending, told = ran(tmp_path, change)
    assert ending == Ending(1, sentence)
    lines = told.splitlines()
    # Told after two cycles with requests, of which the first has none yet, and at the end before all figures.
    third = next(n for n, line in enumerate(lines) if line.strip().startswith("3 "))
    fourth = next(n for n, line in enumerate(lines) if line.strip().startswith("4 "))
    assert any("load: No request" in line for line in lines[third:fourth])
    assert f"✖ {sentence}" in told
    stored = load_run(tmp_path, find_run(tmp_path, "last"))
    assert str(next(report_lines(stored, width=120))) == f"✖ {sentence}"
    (_, listed) = map(str, runs_lines(list_runs(tmp_path).runs))
    assert listed.endswith(f"  {word}")


def test_a_full_disk_is_a_failure_and_says_how_many_cycles_are_missing(tmp_path: Path) -> None:
    ending, told = ran(tmp_path, full_disk, cycles=6)
    assert ending == Ending(1, "4 cycles could not be recorded.")
    assert "knowledge: Cycle 3 could not be stored: [Errno 28] No space left on device" in told
    stored = load_run(tmp_path, find_run(tmp_path, "last"))
    assert len(stored.records) == 2
    assert str(next(report_lines(stored, width=120))).startswith("✖ The record has no end")


def test_a_run_that_did_what_it_was_asked_ends_with_0(tmp_path: Path) -> None:
    ending, told = ran(tmp_path, lambda controller: None)
    assert ending == Ending(0)
    assert "✖" not in told
    stored = load_run(tmp_path, find_run(tmp_path, "last"))
    assert stored.shortfalls == ()
    counts = [record.cycle.client for record in stored.records]
    assert all(each is not None and each.offered > 0 and each.failed == 0 for each in counts[1:])
    for record in stored.records:
        assert record.cycle.client is not None
        assert record.cycle.entered is not None
        assert record.cycle.client.sent == record.cycle.entered.requests
