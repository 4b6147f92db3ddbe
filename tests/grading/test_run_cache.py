"""The cache of runs: what it gives back, what it does not trust, and what its keys depend on."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from marskit.assembly.settings import Settings
from marskit.compare.jobs import Failed, Job, Measured, grid, run
from marskit.grading.run_cache import RunCache, run_or_recall
from marskit.grading.run_keys import is_own, run_key

SCENARIO = """
title = "short"
description = "Two minutes."
duration_s = 120
speed = 15
users = 10

[arrival]
kind = "trace"
file = "trace.csv"

[[request]]
name = "order"
method = "POST"
path = "/orders"
weight = 1
json = { item = "book", quantity = 1, amount = 10.0 }
expect_status = [201]
"""
SECRET = 987654321


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A short run of a planner of marskit's own."""
    folder = tmp_path_factory.mktemp("scenario")
    file = folder / "short.toml"
    file.write_text(SCENARIO, encoding="utf-8")
    (folder / "trace.csv").write_text("time_s,requests_per_s\n0,20\n60,60\n", encoding="utf-8")
    usual = Settings(mesh="twin", engine="fast", preview=False, guard=False, runs=folder / "runs")
    return next(grid(("threshold",), (str(file),), (SECRET,), usual))


@pytest.fixture(scope="module")
def measured(job: Job) -> Measured:
    """Its figures."""
    result = run(job)
    assert isinstance(result, Measured), result
    return result


@pytest.fixture
def cache(tmp_path: Path) -> RunCache:
    """An empty cache."""
    return RunCache(tmp_path)


def test_what_was_kept_is_given_back_whole(cache: RunCache, job: Job, measured: Measured) -> None:
    assert cache.get(job) is None
    cache.put(job, measured)
    assert cache.get(job) == measured


def test_a_run_under_another_name_is_the_same_run(cache: RunCache, job: Job, measured: Measured) -> None:
    cache.put(job, measured)
    assert cache.get(replace(job, planner="tuned")) == replace(measured, planner="tuned")


def test_no_entry_names_its_seed(cache: RunCache, job: Job, measured: Measured) -> None:
    cache.put(job, measured)
    (file,) = cache.folder.iterdir()
    assert str(SECRET) not in file.name + file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda content: content.replace(b'"violation_minutes":', b'"violation_minutes":1', 1),
        lambda content: b"\xff" + content,
        lambda content: content.partition(b"\n")[2],
    ],
    ids=["empty", "last byte", "half", "a figure", "not text", "no check"],
)
def test_a_damaged_entry_counts_as_missing(
    cache: RunCache, job: Job, measured: Measured, damage: Callable[[bytes], bytes]
) -> None:
    cache.put(job, measured)
    (file,) = cache.folder.iterdir()
    before = file.read_bytes()
    file.write_bytes(damage(before))
    assert file.read_bytes() != before
    assert cache.get(job) is None


def test_a_damaged_entry_is_run_again_and_then_whole(cache: RunCache, job: Job, measured: Measured) -> None:
    cache.put(job, measured)
    (file,) = cache.folder.iterdir()
    file.write_bytes(b"damaged")
    assert run_or_recall((job,), lambda job, result: None, cache) == (measured,)
    assert cache.get(job) == measured


def test_a_kept_run_is_told_and_not_run(cache: RunCache, job: Job, measured: Measured) -> None:
    # Figures that no run has: they can only come from the cache.
    kept = replace(measured, violation_minutes=-1.0)
    cache.put(job, kept)
    told: list[Measured | Failed] = []
    assert run_or_recall((job,), lambda job, result: told.append(result), cache) == (kept,)
    assert told == [kept]


def test_a_planner_of_somebody_else_is_never_kept(cache: RunCache, job: Job, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("import marskit\n\n\nclass Mine(marskit.Planner):\n    pass\n", encoding="utf-8")
    other = RunCache(tmp_path / "cache")
    other.folder.mkdir()
    foreign = replace(job, planner=f"{file}:Mine", settings=replace(job.settings, planner=f"{file}:Mine"))
    assert not is_own(foreign)
    (result,) = run_or_recall((foreign,), lambda job, result: None, other)
    assert isinstance(result, Measured)
    assert not list(other.folder.iterdir())


def test_a_key_changes_with_everything_that_decides_the_figures(job: Job, tmp_path: Path) -> None:
    manifests = tmp_path / "k8s"
    manifests.mkdir()
    (manifests / "a.yaml").write_text("a: 1\n", encoding="utf-8")
    card = tmp_path / "card.toml"
    card.write_text("x = 1\n", encoding="utf-8")

    def varied(**changes: object) -> Job:
        return replace(job, settings=replace(job.settings, **changes))  # type: ignore[arg-type] # any field

    keys = [
        run_key(each)
        for each in (
            job,
            varied(planner="static"),
            varied(seed=1),
            varied(engine="requests"),
            varied(manifests=(manifests,)),
            varied(card=card),
        )
    ]
    (manifests / "a.yaml").write_text("a: 2\n", encoding="utf-8")
    card.write_text("x = 2\n", encoding="utf-8")
    keys += [run_key(varied(manifests=(manifests,))), run_key(varied(card=card))]
    assert len(set(keys)) == len(keys)
    assert run_key(varied(runs=tmp_path)) == keys[0]


def test_a_key_changes_with_the_trace_that_a_scenario_names(job: Job, tmp_path: Path) -> None:
    file = tmp_path / "short.toml"
    file.write_text(SCENARIO, encoding="utf-8")
    trace = tmp_path / "trace.csv"
    trace.write_text("time_s,requests_per_s\n0,20\n60,60\n", encoding="utf-8")
    same = replace(job, scenario=str(file), settings=replace(job.settings, scenario=str(file)))
    before = run_key(same)
    trace.write_text("time_s,requests_per_s\n0,20\n60,61\n", encoding="utf-8")
    assert run_key(same) != before


def test_what_was_unused_for_longest_is_removed_first(cache: RunCache) -> None:
    for age_s, name in enumerate(("new", "middle", "old")):
        file = cache.folder / name
        file.write_bytes(b"x" * 100)
        os.utime(file, (1_000_000 - age_s, 1_000_000 - age_s))
    cache.trim(200)
    assert sorted(file.name for file in cache.folder.iterdir()) == ["middle", "new"]
    cache.trim()
    assert len(list(cache.folder.iterdir())) == 2


def test_the_users_cache_can_only_be_entered_by_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    cache = RunCache.of_user()
    assert cache is not None
    assert cache.folder.stat().st_mode & 0o077 == 0
    cache.folder.rmdir()
    cache.folder.symlink_to(tmp_path)
    assert RunCache.of_user() is None
