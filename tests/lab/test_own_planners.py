"""A planner's class given to a lab: the same as its file given to the command, and as harmless."""

import time
from pathlib import Path

import psutil
import pytest

import marskit as mk
from marskit.domain.actions import Action
from marskit.domain.diagnosis import Diagnosis
from marskit.plugins.base import Planner
from tests.lab.conftest import MakeLab
from tests.lab.test_lab import recorded
from tests.plugins.processes import HOST, left

MINE = '''
import marskit as mk


class Mine(mk.Planner):
    """One replica more for the bottleneck."""

    def plan(self, diagnosis, view):
        where = diagnosis.bottleneck
        return mk.Scale(where, view.configuration.replicas_of(where) + 1) if where else None
'''


def mine() -> type[Planner]:
    class Mine(mk.Planner):
        """One replica more for the bottleneck."""

        def plan(self, diagnosis: Diagnosis, view: mk.PlanningView) -> Action | None:
            where = diagnosis.bottleneck
            return mk.Scale(where, view.configuration.replicas_of(where) + 1) if where else None

    return Mine


def test_a_class_decides_what_its_file_decides(lab_of: MakeLab, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    by_value = lab_of(planner=mine(), name="class")
    by_file = lab_of(planner=f"{tmp_path}/mine.py:Mine", name="file")
    by_value.load(3.0)
    by_file.load(3.0)
    both = [
        [(cycle.plan.actions, cycle.diagnosis, cycle.executions) for cycle in recorded(lab.run(8))]
        for lab in (by_value, by_file)
    ]
    assert both[0] == both[1]
    assert any(actions for actions, _, _ in both[0])


@pytest.mark.parametrize("deed", ["exit", "loop", "segfault", "wrong"])
def test_a_hostile_class_fails_alone(lab_of: MakeLab, deed: str) -> None:
    class Hostile(mk.Planner):
        def plan(self, diagnosis: Diagnosis, view: mk.PlanningView) -> Action | None:
            import ctypes
            import sys

            if deed == "exit":
                sys.exit(3)
            while deed == "loop":
                pass
            if deed == "segfault":
                ctypes.string_at(0)
            return "scale everything"  # type: ignore[return-value] # on purpose

    lab = lab_of(planner=Hostile, planner_deadline_s=0.5)
    # In the first cycle, too little has been seen to ask a planner.
    failed = [cycle.plan.failure for cycle in lab.run(3)[1:]]
    assert all("Hostile" in (sentence or "") for sentence in failed)
    lab.planner("threshold")
    assert [cycle.plan.failure for cycle in lab.run(1)] == [None]


def test_another_class_takes_over_and_its_processes_end(lab_of: MakeLab) -> None:
    lab = lab_of(planner="static")
    lab.step()
    lab.planner(mine())
    assert lab.run(1)[0].plan.planner == "__main__:Mine"
    assert any(HOST in each.cmdline() for each in psutil.Process().children(recursive=True))
    lab.close()
    until_s = time.monotonic() + 5.0
    while left() and time.monotonic() < until_s:
        time.sleep(0.05)
    assert not left()
