"""A branch in a process of its own: how far it is, what comes of it, and why it cannot be."""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from marskit.branching.child import BranchChild
from marskit.knowledge.read.runs import find_run, list_runs
from marskit.replay.branched import AS_RECORDED, ReplayError
from tests.replay.runs import twin_run


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("runs")
    twin_run(folder, cycles=6, preview=False)
    return folder, find_run(folder, "last")


@pytest.fixture
def scratches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Path]]:
    """What is in the folder for temporary files, which no other test shares."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return lambda: list(tmp_path.iterdir())


async def test_a_branch_is_told_and_brought_back(
    recorded: tuple[Path, str], scratches: Callable[[], list[Path]]
) -> None:
    runs, run = recorded
    told: list[tuple[str, int, int]] = []
    child = BranchChild(run, ("--runs", str(runs)))
    found = await child.branch(3, "hpa", lambda *progress: told.append(progress))
    assert told == [(planner, n, 4) for planner in ("hpa", AS_RECORDED) for n in (1, 2, 3, 4)]
    assert (found.cycle, found.at_s, len(found.branch.moments)) == (3, 4.0, 4)
    assert found.recorded.run == run
    assert {found.branch.run, found.control.run} <= {each.run for each in list_runs(runs).runs}
    assert not scratches()


async def test_why_there_is_no_branch_is_one_sentence(
    recorded: tuple[Path, str], scratches: Callable[[], list[Path]]
) -> None:
    runs, run = recorded
    child = BranchChild(run, ("--runs", str(runs / "none")))
    with pytest.raises(ReplayError, match=r"none contains no runs\.$"):
        await child.branch(3, "hpa", lambda *progress: None)
    assert not scratches()


async def test_a_branch_that_is_given_up_leaves_nothing(
    recorded: tuple[Path, str], scratches: Callable[[], list[Path]]
) -> None:
    runs, run = recorded
    started = asyncio.Event()
    child = BranchChild(run, ("--runs", str(runs)))
    task = asyncio.create_task(child.branch(2, "static", lambda *progress: started.set()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not scratches()
