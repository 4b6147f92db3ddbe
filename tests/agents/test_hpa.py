"""The autoscaler against numbers worked out by hand from the Kubernetes documentation's formula."""

from dataclasses import replace
from itertools import product
from math import ceil

import pytest

from marskit.agents.hpa import Hpa, metered
from marskit.agents.hpa_behaviour import SCALE_UP, Behaviour, Policy, PolicyType
from marskit.agents.hpa_replicas import Proposal, propose
from marskit.domain.actions import Scale
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.goals import Utility
from marskit.domain.observation import WorkloadObservation
from marskit.domain.plan import Plan
from tests.mapek.mesh import World, configuration

DIAGNOSIS = Diagnosis((), (), None, Utility(0, 0, 0, 0, 0), "")


def proposed(
    current: int, ready: int, utilisation: float | None, *, target_percent: int = 70, tolerance: float = 0.1
) -> Proposal | None:
    observed = WorkloadObservation("payments", "payments", ready, ready, 10.0, utilisation, 0.0)
    return propose(metered(current, observed), target_percent, tolerance)


@pytest.mark.parametrize(
    ("current", "ready", "utilisation", "expected"),
    [
        # ceil(3 * 90 / 70) = ceil(3.857)
        (3, 3, 0.90, 4),
        # ceil(2 * 140 / 70) = 4, exactly: no replica is added by rounding
        (2, 2, 1.40, 4),
        # The 10 % tolerance. In floats, 77 / 70 differs from 1 by more than 0.1, and 63 / 70 by less
        (10, 10, 0.77, 11),
        (2, 2, 0.77, 3),
        (10, 10, 0.76, 10),
        (10, 10, 0.78, 12),
        (10, 10, 0.63, 10),
        (10, 10, 0.62, 9),
        # Whole percents, rounded down: 76.9 % is still within tolerance
        (10, 10, 0.769, 10),
        # Down: ceil(6 * 20 / 70) = ceil(1.71)
        (6, 6, 0.20, 2),
        (6, 6, 0.0, 0),
        # Up with 2 of 4 starting: they count as idle, 100 % of 2 is 50 % of 4: the direction turns, so stay
        (4, 2, 1.0, 4),
        # Up with 1 of 4 starting: 100 % of 3 is 75 % of 4, within tolerance
        (4, 3, 1.0, 4),
        # Up with 1 of 5 starting: 100 % of 4 is 80 % of 5: ceil(5 * 80 / 70) = ceil(5.71)
        (5, 4, 1.0, 6),
        # Down with 2 of 4 starting: only the ready ones count: ceil(2 * 35 / 70)
        (4, 2, 0.35, 1),
    ],
)
def test_the_formula(current: int, ready: int, utilisation: float, expected: int) -> None:
    proposal = proposed(current, ready, utilisation)
    assert proposal is not None
    assert proposal.replicas == expected


@pytest.mark.parametrize("tolerance", [0.05, 0.1, 0.2])
def test_the_tolerance_is_compared_in_floats(tolerance: float) -> None:
    """At exactly the tolerance, the result depends on rounding, and differs from target to target."""
    scaled = []
    for target, usage in product(range(10, 101), range(1, 201)):
        proposal = proposed(7, 7, usage / 100, target_percent=target, tolerance=tolerance)
        assert proposal is not None
        if abs(1.0 - usage / target) > tolerance:
            assert proposal.replicas == ceil(usage / target * 7)
            scaled.append(round(abs(target - usage) / target, 9) == tolerance)
        else:
            assert proposal.replicas == 7
    assert any(scaled) == (tolerance != 0.2)


@pytest.mark.parametrize(("ready", "utilisation"), [(3, None), (0, 0.9)])
def test_without_metrics_there_is_no_proposal(ready: int, utilisation: float | None) -> None:
    assert proposed(3, ready, utilisation) is None


class Cluster:
    """Payments alone is looked at; everything else is kept at its target."""

    def __init__(self, replicas: int, *, speed: float = 1.0, hpa: Hpa | None = None) -> None:
        self.replicas = replicas
        self.speed = speed
        self.hpa = hpa or Hpa()

    def plan(self, scenario_s: float, utilisation: float | None, *, ready: int | None = None) -> Plan:
        world = World(configuration(payments=self.replicas))
        for name in ("orders", "food", "music"):
            world.workload(name, utilisation=0.7)
        world.workload("payments", utilisation=utilisation, ready=ready)
        return self.hpa.plan(DIAGNOSIS, world.view(scenario_s / self.speed, speed=self.speed))

    def follow(self, scenario_s: float, utilisation: float | None, *, ready: int | None = None) -> int:
        """The replicas after the plan was carried out."""
        for action in self.plan(scenario_s, utilisation, ready=ready).proposed:
            assert isinstance(action, Scale)
            self.replicas = action.replicas
        return self.replicas


def test_it_scales_up_at_once_and_says_how_it_counted() -> None:
    plan = Cluster(2).plan(0.0, 1.0)
    assert plan.proposed == (Scale("payments", 3),)
    assert plan.reason == "payments goes from 2 to 3 replicas: ceil(2 × 100 % / 70 %) = 3."
    assert len(plan.candidates) == 4


def test_it_looks_once_per_sync_period_however_often_it_is_asked() -> None:
    cluster = Cluster(1)
    assert [cluster.follow(t, 1.0) for t in (0.0, 5.0, 10.0, 13.0, 15.0, 20.0, 30.0)] == [2, 2, 2, 2, 3, 3, 5]
    assert "next sync is in 10 s" in cluster.plan(35.0, 1.0).reason


def test_a_loop_that_comes_a_little_early_or_late_misses_no_sync() -> None:
    times = [0.0, 14.99, 30.02, 44.97, 60.01]
    cluster = Cluster(1)
    assert [cluster.follow(t, 1.0) for t in times] == [2, 3, 5, 8, 10]
    steady = Cluster(1)
    assert [steady.follow(t, 7.0) for t in times] == [5, 10, 10, 10, 10], "the limit is per sync, not per ms"


def test_a_slow_loop_syncs_whenever_it_comes() -> None:
    cluster = Cluster(1)
    assert [cluster.follow(t, 1.0) for t in (0.0, 40.0, 50.0, 80.0)] == [2, 3, 3, 5]


def test_every_time_is_on_the_scenarios_clock() -> None:
    slow, fast = Cluster(1), Cluster(1, speed=30.0)
    times = [0.0, 5.0, 15.0, 16.0, 30.0, 45.0]
    assert [slow.follow(t, 1.0) for t in times] == [fast.follow(t, 1.0) for t in times]


def test_scaling_up_is_limited_to_four_pods_or_to_doubling() -> None:
    few = Cluster(1)
    assert few.follow(0.0, 7.0) == 5
    many = Cluster(5)
    many.hpa = Hpa(
        Behaviour(
            scale_up=replace(SCALE_UP, policies=(Policy(PolicyType.PODS, 4), Policy(PolicyType.PERCENT, 60)))
        )
    )
    assert many.follow(0.0, 7.0) == 9
    doubled = Cluster(5)
    assert doubled.follow(0.0, 7.0) == 10


def test_the_limit_counts_from_the_beginning_of_the_period() -> None:
    cluster = Cluster(1, hpa=Hpa(Behaviour(sync_period_s=5.0)))
    assert cluster.follow(0.0, 7.0) == 5
    assert cluster.follow(5.0, 7.0) == 5
    assert cluster.follow(10.0, 7.0) == 5
    assert cluster.follow(15.0, 7.0) == 10


def test_a_proposal_that_was_not_carried_out_uses_up_no_limit() -> None:
    cluster = Cluster(1, hpa=Hpa(Behaviour(sync_period_s=5.0)))
    assert cluster.plan(0.0, 7.0).proposed == (Scale("payments", 5),)
    assert cluster.plan(5.0, 7.0).proposed == (Scale("payments", 5),)


def test_it_scales_down_to_the_highest_recommendation_of_the_window() -> None:
    cluster = Cluster(6)
    # 6 was found at the start; then 2 is recommended, once 4 (6 * 46 / 70 = 3.94), then 2 again.
    assert cluster.follow(0.0, 0.20) == 6
    assert cluster.follow(60.0, 0.46) == 6
    assert cluster.follow(120.0, 0.20) == 6
    assert cluster.follow(285.0, 0.20) == 6
    assert cluster.follow(300.0, 0.20) == 4
    # 4 * 30 / 70 = 1.71; the 4 recommended at 60 s counts until 360 s.
    assert cluster.follow(345.0, 0.30) == 4
    assert cluster.follow(360.0, 0.30) == 2


def test_scaling_up_is_not_stabilised() -> None:
    cluster = Cluster(4)
    assert cluster.follow(0.0, 0.20) == 4
    assert cluster.follow(15.0, 0.90) == 6


def test_it_stays_within_the_workloads_bounds() -> None:
    assert Cluster(9).follow(0.0, 1.0) == 10
    idle = Cluster(2)
    assert [idle.follow(t, 0.0) for t in (0.0, 300.0, 315.0)] == [2, 1, 1]


@pytest.mark.parametrize(("start", "expected"), [(14, 10), (0, 0)])
def test_a_size_outside_the_bounds_is_corrected_but_zero_means_off(start: int, expected: int) -> None:
    assert Cluster(start).follow(0.0, 0.7) == expected


def test_missing_metrics_leave_the_workload_alone() -> None:
    cluster = Cluster(3)
    assert cluster.follow(0.0, None) == 3
    assert cluster.follow(15.0, 1.0, ready=0) == 3
    assert "no metrics" in cluster.plan(30.0, None).candidates[1].reason


def test_starting_replicas_keep_it_from_scaling_again() -> None:
    cluster = Cluster(2)
    assert cluster.follow(0.0, 1.0) == 3
    assert cluster.follow(15.0, 1.0, ready=2) == 3
    assert cluster.follow(30.0, 1.0, ready=3) == 5


def test_reset_forgets_the_window_and_the_period() -> None:
    cluster = Cluster(6)
    cluster.follow(0.0, 0.2)
    cluster.hpa.reset(7)
    assert cluster.follow(1.0, 0.2) == 6
    assert cluster.plan(301.0, 0.2).proposed == (Scale("payments", 2),)


def test_it_does_not_look_at_objectives() -> None:
    burning = replace(DIAGNOSIS, bottleneck="payments")
    world = World(configuration(payments=3)).workload("payments", utilisation=0.7)
    for name in ("orders", "food", "music"):
        world.workload(name, utilisation=0.7)
    assert Hpa().plan(burning, world.view()).proposed == ()
