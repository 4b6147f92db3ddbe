"""Answers that a reader is likely to give first are wrong, and get their hint."""

from pathlib import Path

import pytest

from marskit.course import checking
from marskit.course.checking import check
from marskit.course.exercises import EXERCISES
from marskit.course.judging import CheckError

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

WEIGHTS = """apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
    - route:
        - destination: {host: reviews, subset: v1}
          weight: 25
        - destination: {host: reviews, subset: v3}
          weight: 75
"""


def refused(number: str, answer: object) -> str:
    checked = check(number, answer)
    assert not checked.right
    assert f"Hint: {EXERCISES[number].hint}" in checked.text
    return checked.text


def test_a_layer_with_the_weights_swapped_or_with_a_mistake(tmp_path: Path) -> None:
    layer = tmp_path / "layer.yaml"
    layer.write_text(WEIGHTS)
    assert "v1 25 %, v3 75 %" in refused("09.2", str(layer))
    layer.write_text(WEIGHTS.replace("http:", "htpp:"))
    assert "did you mean http?" in refused("09.2", str(layer))
    with pytest.raises(CheckError, match=r"^There is no file \S+; run the cell that writes it first\.$"):
        check("09.2", str(tmp_path / "missing.yaml"))
    with pytest.raises(CheckError, match="The answer is the name of a file; this is of type int"):
        check("09.2", 75)


def test_a_caller_forgotten_and_the_called_workload_instead() -> None:
    assert "1 missing, 0 too many" in refused("09.1", {"reviews-v3"})
    assert "2 missing, 1 too many" in refused("09.1", {"ratings-v1"})


def test_targets_that_spare_too_much_or_too_little() -> None:
    for target in (0.3, 0.7):
        refused("06.1", target)
    refused("06.2", {"spike"})
    refused("06.2", {"spike", "ramp", "diurnal", "flash-crowd"})


@pytest.mark.notebook
def test_a_rule_instead_of_a_policy() -> None:
    for rule in ("hpa", "demand"):
        assert f"{rule} is not a policy file" in refused("06.3", rule)


@pytest.mark.notebook
@pytest.mark.timeout(300)
def test_a_difference_with_its_sign_turned_round_and_a_front_with_everybody(tmp_path: Path) -> None:
    refused("08.1", -4.5)
    refused("08.2", {"static", "threshold", "demand", "hpa"})
    refused("08.2", {"static"})
    planner = tmp_path / "raises.py"
    planner.write_text(
        "import marskit as mk\n\n\nclass Raises(mk.Planner):\n"
        "    def plan(self, diagnosis, view):\n        raise ValueError('no')\n"
    )
    assert "% of the way from static to the oracle" in refused("08.3", f"{planner}:Raises")


@pytest.mark.notebook
@pytest.mark.parametrize("exercise", WRONG)
def test_likely_mistakes_are_wrong_and_get_their_hint(exercise: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "_wrong", {})
    for answer in WRONG[exercise]:
        checked = check(exercise, answer)
        assert not checked.right, answer
        assert f"Hint: {EXERCISES[exercise].hint}" in checked.text
