"""A lab on the real mesh: what its methods wait for is really there."""

import time

import psutil
import pytest

from marskit.domain.records import Cycle, Outcome
from tests.lab.conftest import MakeLab

pytestmark = pytest.mark.e2e


@pytest.mark.timeout(180)
def test_a_real_mesh_is_stepped_changed_and_leaves_nothing(lab_of: MakeLab) -> None:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    lab = lab_of("envoy", timeout_s=90)
    lab.ready()
    cycle = lab.step()
    assert isinstance(cycle, Cycle)
    done = lab.scale("payments", 3)
    assert done.outcome is Outcome.APPLIED
    assert done.pushed_after_ms is not None
    lab.slow("payments", 2)
    assert [each.id for each in lab.run(2)] == [2, 3]
    assert not lab.state.running
    lab.clear()
    assert lab.undo(done).undoes == done.id
    assert lab.frame()["cycle"].to_list() == [1, 2, 3]
    lab.close()
    until_s = time.monotonic() + 5.0
    while (left := {c.pid for c in psutil.Process().children(recursive=True)} - before) and (
        time.monotonic() < until_s
    ):
        time.sleep(0.05)
    assert not left
