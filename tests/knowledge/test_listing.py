"""The files of many runs, looked at together, and not again while nothing changed."""

import io
import os
from pathlib import Path

import polars as pl
import pytest

from marskit.knowledge.format.file_names import run_file_name
from marskit.knowledge.read.dataset import Dataset
from marskit.knowledge.read.listing import Listing
from marskit.knowledge.read.reading import Files, Head
from marskit.knowledge.storage.files import LocalStore, run_folder
from tests.knowledge.cycles import cycle
from tests.knowledge.test_care import flip_a_bit
from tests.knowledge.test_parquet import store


class Counting(LocalStore):
    """Counts how often runs are listed."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.listed: list[str] = []

    def names(self, run: str) -> list[str]:
        self.listed.append(run)
        return super().names(run)


def names(files: Files, head: Head) -> list[str]:
    return sorted(files.names)


def head_of(root: Path, run: str) -> Path:
    (head,) = run_folder(root, run).glob("_run-*")
    return head


def settle(root: Path, run: str) -> None:
    """As if nothing had come or gone in the last hour."""
    was = run_folder(root, run).stat().st_mtime - 3600.0
    os.utime(run_folder(root, run), (was, was))


async def test_a_run_is_listed_again_only_if_a_file_came_or_went(tmp_path: Path) -> None:
    runs = [await store(tmp_path, [cycle(1)]) for _ in range(3)]
    for run in runs[:2]:
        settle(tmp_path, run)
    counting = Counting(tmp_path)
    listing = Listing(counting)
    first = list(listing.each(runs, names))
    # What changed just now may still change unseen.
    assert list(listing.each(runs, names)) == first
    assert counting.listed == [*runs, runs[2]]
    (gone,) = run_folder(tmp_path, runs[1]).glob("edges-*")
    gone.unlink()
    without = [name for name in sorted(first[1]) if name != gone.name]  # type: ignore[arg-type] # names
    assert list(listing.each(runs, names)) == [first[0], without, first[2]]


async def test_what_is_gone_while_it_is_read_is_looked_for_again(tmp_path: Path) -> None:
    run = await store(tmp_path, [cycle(1)])
    settle(tmp_path, run)
    listing = Listing(LocalStore(tmp_path))
    seen: list[Files] = []

    def read(files: Files, head: Head) -> str:
        seen.append(files)
        if len(seen) == 1:
            raise FileNotFoundError
        return head.started.run

    assert list(listing.each([run], read)) == [run]
    assert seen[0] is not seen[1]


def rewrite(head: Path, content: bytes) -> None:
    """Say something else of a run, with the checksum that belongs to it."""
    head.with_name(run_file_name(content)).write_bytes(content)
    head.unlink()


def changed(head: Path, **to: object) -> bytes:
    content = io.BytesIO()
    pl.read_parquet(head).with_columns(**{name: pl.lit(value) for name, value in to.items()}).write_parquet(
        content
    )
    return content.getvalue()


@pytest.mark.parametrize("odd", ["damaged", "no parquet", "no record", "two rows"])
async def test_of_many_runs_an_odd_one_is_known_by_its_log_and_the_others_as_ever(
    odd: str, tmp_path: Path
) -> None:
    runs = sorted([await store(tmp_path, [cycle(1)]) for _ in range(4)])
    head = head_of(tmp_path, runs[1])
    if odd == "damaged":
        flip_a_bit(head)
    elif odd == "no parquet":
        rewrite(head, b"PAR1")
    elif odd == "no record":
        rewrite(head, changed(head, run_record="{}"))
    else:
        content = io.BytesIO()
        pl.concat([pl.read_parquet(head)] * 2).write_parquet(content)
        rewrite(head, content.getvalue())
    dataset = Dataset(tmp_path)
    assert [head.run for head in dataset.heads()] == runs
    assert dataset.scan("cycles").collect()["run"].to_list() == runs


async def test_of_many_runs_one_of_another_schema_is_left_out_and_reported(tmp_path: Path) -> None:
    runs = sorted([await store(tmp_path, [cycle(1)]) for _ in range(12)])
    head = head_of(tmp_path, runs[5])
    rewrite(head, changed(head, schema_version=99))
    dataset = Dataset(tmp_path)
    others = [run for run in runs if run != runs[5]]
    assert [head.run for head in dataset.heads()] == others
    assert dataset.scan("cycles").collect()["run"].to_list() == others
    (sentence,) = dataset.damaged
    assert "its schema version is 99; this release reads version 4 only" in sentence
