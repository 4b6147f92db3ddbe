"""Which records show the mesh as it is; what is fitted and what is usual are both read from them."""

from dataclasses import replace
from itertools import pairwise

import pytest

from marskit.assembly.earlier_baselines import calm_observations
from marskit.domain.diagnosis import SloStatus
from marskit.domain.events import ScenarioChanged
from marskit.domain.faults import ClearFaults, Fault, KillReplica, SlowDown
from marskit.domain.observation import Observation
from marskit.knowledge.read.fault_free_windows import quiet
from marskit.knowledge.read.runs import StoredRun
from tests.calibration.recorded import LEAD_S, demo_model, record


@pytest.fixture(scope="module")
def run() -> StoredRun:
    return record(demo_model(), scenario="steady", seed=1, cycles=20)


def spans(observations: list[Observation]) -> list[tuple[float, float]]:
    return [(seen.at_s - seen.window_s, seen.at_s) for seen in observations]


def test_what_was_broken_on_purpose_is_left_out() -> None:
    faults: list[tuple[float, Fault]] = [
        (15.0, SlowDown("payments", 3.0)),
        (21.0, ClearFaults()),
        (33.0, KillReplica("orders")),
    ]
    run = record(demo_model(), scenario="steady", seed=1, cycles=25, faults=faults)
    for kept in quiet(run.records):
        observation = kept.cycle.observation
        from_s, until_s = observation.at_s - observation.window_s, observation.at_s
        assert until_s <= 15.0 or from_s >= 23.0
        assert until_s <= 33.0 or from_s >= 37.0
    assert any(25.0 <= kept.cycle.observation.at_s <= 33.0 for kept in quiet(run.records))


def test_what_is_never_mended_leaves_nothing_after_it() -> None:
    run = record(demo_model(), scenario="steady", seed=1, cycles=10, faults=[(9.0, SlowDown("orders", 2.0))])
    assert all(kept.cycle.observation.at_s <= 9.0 for kept in quiet(run.records))


def test_a_load_that_has_not_settled_is_left_out_and_so_is_a_run_without_one(run: StoredRun) -> None:
    kept = spans([each.cycle.observation for each in quiet(run.records)])
    assert min(begin for begin, _ in kept) >= LEAD_S + 2.0
    silent = [
        replace(each, cycle=replace(each.cycle, observation=replace(each.cycle.observation, load=None)))
        for each in run.records
    ]
    assert not quiet(silent)


def test_where_the_load_became_another_one_is_left_out(run: StoredRun) -> None:
    changed_s = run.records[10].cycle.observation.at_s - 0.5
    changed = ScenarioChanged(changed_s, run.started.scenario)
    records = [*run.records[:10], replace(run.records[10], incidents=(changed,)), *run.records[11:]]
    kept = spans([each.cycle.observation for each in quiet(records)])
    assert all(end <= changed_s or begin >= changed_s + 2.0 for begin, end in kept)
    assert any(begin >= changed_s for begin, _ in kept)


def test_what_is_usual_is_what_quiet_windows_showed_while_no_objective_was_missed(run: StoredRun) -> None:
    missed = run.records[8]
    slow = SloStatus(
        "orders", 500.0, 900.0, latency_met=False, availability_percent=None, availability_met=None, n=99
    )
    diagnosis = replace(missed.cycle.diagnosis, slos=(slow,))
    records = [
        replace(each, cycle=replace(each.cycle, diagnosis=diagnosis)) if each is missed else each
        for each in run.records
    ]
    assert missed.cycle.observation in [each.cycle.observation for each in quiet(records)]
    calm = calm_observations(records)
    assert missed.cycle.observation not in calm
    told = spans(list(calm))
    assert all(before[1] <= after[0] + 1e-6 for before, after in pairwise(told))
    assert len(calm) >= 5
