"""The course: its notebooks are stable text, its exercises are whole, its solutions are right."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jupytext
import pytest
from IPython.core.interactiveshell import InteractiveShell

from marskit.course import checking
from marskit.course.checking import Checked, check
from marskit.course.exercises import EXERCISES
from marskit.errors import UserError
from tests.paths import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.md"))
SOLUTIONS = sorted((ROOT / "notebooks" / "solutions").glob("*.md"))
CHECK = re.compile(r'mk\.check\("([^"]+)"')


def code(file: Path, *, tag: str | None = None) -> Iterator[str]:
    """The code of each cell; only of those with the tag, if one is given."""
    for cell in jupytext.read(file).cells:
        if cell.cell_type == "code" and (tag is None or tag in cell.metadata.get("tags", ())):
            yield cell.source


def play(cells: Iterator[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The results of the cells, run one after the other as in a notebook."""
    monkeypatch.chdir(folder)
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(history_manager=None)
    try:
        results = []
        for cell in cells:
            ran: Any = shell.run_cell(cell, store_history=False)  # type: ignore[no-untyped-call] # IPython's
            ran.raise_error()
            results.append(ran.result)
        return results
    finally:
        InteractiveShell.clear_instance()


@pytest.mark.parametrize("file", [*NOTEBOOKS, *SOLUTIONS], ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_round_trip_changes_nothing(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert jupytext.writes(jupytext.reads(text, fmt="md:myst"), fmt="md:myst") == text


def test_every_exercise_is_asked_once_and_solved_once() -> None:
    for files in (NOTEBOOKS, SOLUTIONS):
        asked = [number for file in files for cell in code(file) for number in CHECK.findall(cell)]
        assert sorted(asked) == sorted(EXERCISES)


@pytest.mark.parametrize("file", [*NOTEBOOKS, *SOLUTIONS], ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_no_notebook_names_a_place_of_one_machine(file: Path) -> None:
    assert not re.findall(
        r"(?<![\w.])/(?:home|tmp|root|work|usr|opt)/|localhost|\b\d+\.\d+\.\d+\.\d+\b", file.read_text()
    )


def test_every_section_to_read_is_in_its_notebook() -> None:
    for number, exercise in EXERCISES.items():
        (file,) = (file for file in NOTEBOOKS if file.stem.startswith(number[:2]))
        assert f"## {exercise.section}\n" in file.read_text(encoding="utf-8")


def test_an_unknown_exercise_and_a_wrong_kind_of_answer_are_refused_in_a_sentence() -> None:
    with pytest.raises(UserError, match=r"There is no exercise '9\.9'; choose one of 01\.1"):
        check("9.9", 1)
    with pytest.raises(UserError):
        check("03.1", "many")


@pytest.mark.notebook
@pytest.mark.parametrize("file", SOLUTIONS, ids=lambda file: file.stem)
def test_every_solution_is_right(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = [each for each in play(code(file), tmp_path, monkeypatch) if isinstance(each, Checked)]
    assert len(results) == len(CHECK.findall(file.read_text(encoding="utf-8")))
    assert all(each.right for each in results), results


@pytest.mark.notebook
@pytest.mark.parametrize("file", NOTEBOOKS[1:], ids=lambda file: file.stem)
def test_no_placeholder_is_right_and_each_gets_a_hint(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = [cell for cell in code(file) if cell.startswith("import")][:1]
    results = play(iter([*opening, *code(file, tag="exercise")]), tmp_path, monkeypatch)
    checked = [each for each in results if isinstance(each, Checked)]
    assert len(checked) >= 2
    for each in checked:
        assert not each.right
        assert f"Hint: {EXERCISES[each.exercise].hint}" in each.text


@pytest.mark.notebook
def test_the_third_wrong_answer_names_the_section_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "_wrong", {})
    said = [check("03.1", 50.0).text for _ in range(3)]
    section = f"Read the section “{EXERCISES['03.1'].section}” again."
    assert [section in text for text in said] == [False, False, True]
    assert check("03.1", 50.0).text.endswith(section)
