from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marskit.domain.metrics import ConfigGeneration, EdgeSample, Histogram, MeshSample, WorkloadSample
from marskit.domain.topology import GATEWAY, EdgeId
from marskit.mapek.monitor.monitor import Monitor
from tests.mapek.mesh import (
    GOALS,
    INTO_ORDERS,
    TO_FOOD,
    TO_MUSIC,
    TO_PAYMENTS,
    TOPOLOGY,
    configuration,
    histogram,
)


def sample(
    at_s: float, *edges: EdgeSample, duration_s: float = 1.0, workloads: tuple[WorkloadSample, ...] = ()
) -> MeshSample:
    return MeshSample(at_s, duration_s, edges, workloads, ConfigGeneration(accepted=round(at_s)))


def monitor(*samples: MeshSample, window_s: float = 10.0) -> Monitor:
    result = Monitor(TOPOLOGY, GOALS, window_s)
    for each in samples:
        result.add(each)
    return result


def test_counts_are_added_over_the_window_and_levels_are_the_newest() -> None:
    observation = monitor(
        sample(1.0, EdgeSample(INTO_ORDERS, 30, 3, histogram(10, 10), in_flight=9, retries=2, timeouts=1)),
        sample(2.0, EdgeSample(INTO_ORDERS, 10, 1, histogram(20), in_flight=4, ejected=1)),
    ).observe(configuration(), None)
    edge = next(e for e in observation.edges if e.edge == INTO_ORDERS)
    assert observation.at_s == 2.0
    assert observation.window_s == 2.0
    assert observation.generation.accepted == 2
    assert (edge.requests_per_s, edge.failures_per_s) == (20.0, 2.0)
    assert (edge.retries_per_s, edge.timeouts_per_s) == (1.0, 0.5)
    assert (edge.in_flight, edge.ejected) == (4, 1)
    assert edge.latency.n == 3
    assert edge.latency.p50_ms == pytest.approx(10.75)
    assert edge.error_percent == 10.0
    assert observation.workload("orders").requests_per_s == 20.0


def test_samples_older_than_the_window_are_left_out() -> None:
    seen = monitor(*(sample(float(at), EdgeSample(INTO_ORDERS, at)) for at in range(1, 21)), window_s=5.0)
    observation = seen.observe(configuration(), None)
    assert observation.window_s == 5.0
    assert observation.service("orders").requests_per_s == (16 + 17 + 18 + 19 + 20) / 5


def test_an_effect_is_read_without_what_came_before_it() -> None:
    seen = monitor(*(sample(float(at), EdgeSample(INTO_ORDERS, at)) for at in range(1, 6)))
    observation = seen.observe(configuration(), None, since_s=2.5)
    assert observation.window_s == 2.0
    assert observation.service("orders").requests_per_s == 4.5
    nothing = seen.observe(configuration(), None, since_s=5.0)
    assert nothing.window_s == 0.0
    assert nothing.service("orders").requests_per_s == 0.0


def test_a_quiet_edge_appears_with_zeros_and_an_unknown_one_is_kept() -> None:
    unknown = EdgeId("orders", "payments", "unknown")
    observation = monitor(sample(1.0, EdgeSample(unknown, 5, 5))).observe(configuration(), None)
    by_edge = {edge.edge: edge for edge in observation.edges}
    assert tuple(by_edge) == (*TOPOLOGY.edges, unknown)
    assert by_edge[TO_FOOD].requests_per_s == 0.0
    assert by_edge[TO_FOOD].share_percent is None
    assert by_edge[TO_FOOD].error_percent is None
    assert observation.service("payments").error_percent == 100.0


def test_a_service_outside_the_topology_is_listed_too() -> None:
    stray = EdgeId(GATEWAY, "legacy", "legacy-v1")
    observation = monitor(sample(1.0, EdgeSample(stray, 3))).observe(configuration(), None)
    assert observation.service("legacy").requests_per_s == 3.0


def test_configured_weight_and_observed_share_stand_side_by_side() -> None:
    observation = monitor(
        sample(1.0, EdgeSample(TO_FOOD, 88), EdgeSample(TO_MUSIC, 12), EdgeSample(TO_PAYMENTS, 100))
    ).observe(configuration(food_weight=90), None)
    by_edge = {edge.edge: edge for edge in observation.edges}
    assert (by_edge[TO_FOOD].weight_percent, by_edge[TO_FOOD].share_percent) == (90, 88.0)
    assert (by_edge[TO_MUSIC].weight_percent, by_edge[TO_MUSIC].share_percent) == (10, 12.0)
    assert (by_edge[TO_PAYMENTS].weight_percent, by_edge[TO_PAYMENTS].share_percent) == (None, 100.0)


def test_the_slow_share_is_held_against_the_objective() -> None:
    # Payments' objective is 200 ms; the bin at 200 is 1 ms wide and wholly above it.
    latencies = histogram(*[100.0] * 90, *[200.0] * 6, *[500.0] * 4)
    observation = monitor(sample(1.0, EdgeSample(TO_PAYMENTS, 100, 0, latencies))).observe(
        configuration(), None
    )
    assert observation.service("payments").slow_percent == 10.0
    assert observation.service("recommendations").slow_percent is None


def test_a_bin_across_the_objective_counts_in_part() -> None:
    latencies = Histogram(((150.0, 100.0, 10),))
    observation = monitor(sample(1.0, EdgeSample(TO_PAYMENTS, 10, 0, latencies))).observe(
        configuration(), None
    )
    assert observation.service("payments").slow_percent == 50.0


def test_utilisation_is_weighted_by_duration_since_the_last_change_of_replicas() -> None:
    busy = WorkloadSample("payments", 1, 1, utilisation=1.0, queued=30)
    calm = WorkloadSample("payments", 2, 2, utilisation=0.6, queued=2)
    observation = monitor(
        sample(1.0, workloads=(busy,)),
        sample(2.0, workloads=(calm,)),
        sample(5.0, workloads=(replace(calm, utilisation=0.4, queued=0),), duration_s=3.0),
    ).observe(configuration(payments=2), None)
    payments = observation.workload("payments")
    assert payments.utilisation == pytest.approx((0.6 * 1 + 0.4 * 3) / 4)
    assert (payments.replicas_desired, payments.replicas_ready, payments.queued) == (2, 2, 0)


def test_what_was_not_measured_is_none() -> None:
    unmeasured = WorkloadSample("payments", 1, 1)
    observation = monitor(sample(1.0, workloads=(unmeasured,))).observe(configuration(), None)
    assert observation.workload("payments").utilisation is None
    assert observation.workload("payments").queued is None


def test_before_the_first_sample_there_is_a_whole_observation_of_nothing() -> None:
    observation = monitor().observe(configuration(payments=3), None)
    assert observation.window_s == 0.0
    assert observation.workload("payments").replicas_desired == 3
    assert observation.workload("payments").replicas_ready is None
    assert observation.entered is None
    assert all(edge.in_flight is None and edge.retries_per_s is None for edge in observation.edges)
    assert {edge.edge for edge in observation.edges} == set(TOPOLOGY.edges)


def test_reset_forgets() -> None:
    seen = monitor(sample(1.0, EdgeSample(INTO_ORDERS, 5)))
    seen.reset()
    assert seen.observe(configuration(), None).service("orders").requests_per_s == 0.0


@given(
    st.lists(
        st.tuples(st.integers(0, 500), st.integers(0, 500), st.floats(0.01, 3.0)), min_size=1, max_size=20
    )
)
def test_no_request_is_lost_or_counted_twice(parts: list[tuple[int, int, float]]) -> None:
    at_s, samples = 0.0, []
    for food, music, duration_s in parts:
        at_s += duration_s
        samples.append(
            sample(at_s, EdgeSample(TO_FOOD, food), EdgeSample(TO_MUSIC, music), duration_s=duration_s)
        )
    observation = monitor(*samples, window_s=at_s + 1.0).observe(configuration(), None)
    total = sum(food + music for food, music, _ in parts)
    assert observation.service("recommendations").requests_per_s * observation.window_s == pytest.approx(
        total
    )
    shares = [edge.share_percent for edge in observation.edges if edge.edge.service == "recommendations"]
    if total:
        assert sum(share or 0.0 for share in shares) == pytest.approx(100.0)


def state(at_s: float, desired: int, ready: int, busy: float = 0.5) -> MeshSample:
    return sample(at_s, workloads=(WorkloadSample("payments", desired, ready, busy, 0.0),))


def test_replicas_that_went_away_unasked_are_counted_even_when_others_took_their_place() -> None:
    # Two of three are lost and come back; then one is to go, which it does a little later.
    seen = monitor(
        state(1.0, 3, 3),
        state(2.0, 3, 1),
        state(3.0, 3, 3),
        state(4.0, 2, 3),
        state(5.0, 2, 2),
        state(6.0, 4, 2),
    )
    workload = seen.observe(configuration(), None).workload("payments")
    assert workload.replicas_lost == 2
    assert workload.utilisation_s == 2.0


def test_a_replica_that_was_back_before_anybody_looked_is_lost_all_the_same() -> None:
    back = sample(2.0, workloads=(WorkloadSample("payments", 2, 2, 0.5, 0.0, ended=1),))
    down = sample(3.0, workloads=(WorkloadSample("payments", 2, 1, 0.5, 0.0, ended=1),))
    seen = monitor(state(1.0, 2, 2), back, down, state(4.0, 2, 2))
    assert seen.observe(configuration(), None).workload("payments").replicas_lost == 2


def test_the_sample_before_the_window_tells_what_its_first_one_lost() -> None:
    seen = monitor(*(state(float(at), 2, 2 if at <= 5 else 1) for at in range(1, 11)), window_s=5.0)
    assert seen.observe(configuration(), None).workload("payments").replicas_lost == 1
    assert seen.observe(configuration(), None, since_s=6.0).workload("payments").replicas_lost == 0
