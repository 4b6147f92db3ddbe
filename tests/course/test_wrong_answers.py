"""Answers that a reader is likely to give first are wrong, and get their hint."""

import pytest

from marskit.course import checking
from marskit.course.checking import check
from marskit.course.exercises import EXERCISES

WRONG: dict[str, tuple[object, ...]] = {
    # With the window that straddles the shift; with the weight itself.
    "01.1": (16.1, 80.0),
    # The first that is above the usual p95; the safest.
    "01.2": (400, 1000),
    # Every request tried four times; the retries alone.
    "01.3": (4.0, 0.377),
    "02.1": (set(), {"orders → payments", "orders → recommendations-food", "orders → recommendations-music"}),
    # What the client waited; the longest wait.
    "02.2": (11.8, 2011.0),
    # The stall alone; a window of ten seconds.
    "02.3": (2, 10),
    # The mean over all cycles; a share in place of percent.
    "07.1": (43.9, 0.786),
    # Against the recording; the control alone.
    "07.2": (86, 119),
    # The wrong sign; nothing.
    "07.3": (-11, 0),
}


@pytest.mark.notebook
@pytest.mark.parametrize("exercise", WRONG)
def test_likely_mistakes_are_wrong_and_get_their_hint(exercise: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "_wrong", {})
    for answer in WRONG[exercise]:
        checked = check(exercise, answer)
        assert not checked.right, answer
        assert f"Hint: {EXERCISES[exercise].hint}" in checked.text
