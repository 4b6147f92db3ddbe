from dataclasses import replace

import pytest

from marskit.domain.diagnosis import Diagnosis, Severity, SymptomKind
from marskit.domain.topology import EdgeId, Service
from marskit.mapek.analyse.analyse import analyse
from tests.mapek.mesh import (
    GOALS,
    INTO_ORDERS,
    TO_FOOD,
    TO_MUSIC,
    TO_PAYMENTS,
    TOPOLOGY,
    World,
    configuration,
    latency,
)


def diagnose(world: World, *, actions: int = 0) -> Diagnosis:
    return analyse(
        world.observation(),
        topology=TOPOLOGY,
        goals=GOALS,
        configuration=world.configuration,
        actions=actions,
        period_s=5.0,
    )


def kinds(diagnosis: Diagnosis) -> list[SymptomKind]:
    return [symptom.kind for symptom in diagnosis.symptoms]


def test_nothing_is_wrong_with_a_healthy_mesh() -> None:
    diagnosis = diagnose(World())
    assert diagnosis.slo_met is True
    assert diagnosis.symptoms == ()
    assert diagnosis.bottleneck is None
    assert diagnosis.sentence == "All SLOs are met."


def test_a_violation_is_traced_to_the_callee_that_explains_it() -> None:
    world = World().edge(INTO_ORDERS, p95_ms=812).edge(TO_PAYMENTS, p95_ms=640)
    world.workload("payments", utilisation=0.98, queued=14)
    diagnosis = diagnose(world)
    assert diagnosis.slo_met is False
    assert diagnosis.bottleneck == "payments"
    assert "orders → payments" in diagnosis.sentence
    assert "98 % busy" in diagnosis.sentence
    assert kinds(diagnosis)[0] is SymptomKind.LATENCY_SLO
    assert diagnosis.symptoms[0].sentence == (
        "p95 of orders is 812 ms; its objective is 300 ms (400 successes in 10 s)."
    )


@pytest.mark.parametrize(
    ("utilisation", "queued"), [(0.52, 8.0), (0.79, 25.0), (0.02, 2.0), (0.85, 2.0), (None, 2.0)]
)
def test_a_queue_is_saturation(utilisation: float | None, queued: float) -> None:
    world = World(configuration(payments=1)).workload("payments", utilisation=utilisation, queued=queued)
    assert SymptomKind.SATURATION in kinds(diagnose(world))


@pytest.mark.parametrize(("utilisation", "queued"), [(0.52, 3.0), (0.79, 12.0), (0.02, 1.0)])
def test_what_waits_by_chance_is_none(utilisation: float, queued: float) -> None:
    world = World(configuration(payments=1)).workload("payments", utilisation=utilisation, queued=queued)
    assert SymptomKind.SATURATION not in kinds(diagnose(world))


def test_a_caller_that_is_slow_by_itself_is_the_bottleneck() -> None:
    world = World().edge(INTO_ORDERS, p95_ms=600).edge(TO_PAYMENTS, p95_ms=150)
    world.workload("orders", utilisation=0.99, queued=30)
    assert diagnose(world).bottleneck == "orders"


def test_a_saturated_callee_is_blamed_on_less() -> None:
    slow = World().edge(INTO_ORDERS, p95_ms=600).edge(TO_PAYMENTS, p95_ms=190).edge(TO_FOOD, p95_ms=40)
    assert diagnose(slow).bottleneck == "orders"
    slow.workload("payments", utilisation=0.95)
    slow.edge(TO_PAYMENTS, p95_ms=199)
    assert diagnose(slow).bottleneck == "payments"


def test_of_two_subsets_the_worse_one_is_blamed() -> None:
    world = World().edge(INTO_ORDERS, p95_ms=500).edge(TO_MUSIC, p95_ms=420)
    assert diagnose(world).bottleneck == "music"


def test_a_service_without_workloads_is_violated_by_nobody_we_know() -> None:
    bare = replace(TOPOLOGY, services=(Service("orders", "demo", 8080, ()), *TOPOLOGY.services[1:]))
    diagnosis = analyse(
        World().edge(INTO_ORDERS, p95_ms=900).observation(),
        topology=bare,
        goals=GOALS,
        configuration=configuration(),
        actions=0,
        period_s=5.0,
    )
    assert diagnosis.bottleneck is None
    assert diagnosis.sentence == "orders violates its SLO: no workload of this mesh serves it."


def test_the_walk_ends_at_the_edge_of_the_mesh() -> None:
    outside = EdgeId("orders", "api.example.com", "unknown")
    world = World().edge(INTO_ORDERS, p95_ms=900)
    world.edges[outside] = replace(world.edges[TO_PAYMENTS], edge=outside, latency=latency(850))
    diagnosis = analyse(
        world.observation(),
        topology=replace(TOPOLOGY, edges=(*TOPOLOGY.edges, outside)),
        goals=GOALS,
        configuration=configuration(),
        actions=0,
        period_s=5.0,
    )
    assert diagnosis.bottleneck == "orders"


def test_too_few_samples_are_not_trusted() -> None:
    world = World().edge(INTO_ORDERS, p95_ms=900, n=39)
    diagnosis = diagnose(world)
    status = next(slo for slo in diagnosis.slos if slo.service == "orders")
    assert status.latency_met is None
    assert diagnosis.bottleneck is None


def test_failures_are_traced_and_explained() -> None:
    world = World().edge(INTO_ORDERS, failures_per_s=10.0)
    world.edge(TO_PAYMENTS, failures_per_s=9.0, flags=(("UO", 80), ("UT", 10)))
    diagnosis = diagnose(world)
    assert diagnosis.bottleneck == "payments"
    edge = next(s for s in diagnosis.symptoms if s.subject == str(TO_PAYMENTS))
    assert edge.kind is SymptomKind.EDGE_ERRORS
    assert edge.severity is Severity.CRITICAL
    assert "22.5 % of 400 requests" in edge.sentence
    assert "overflow: circuit breaker open (UO) 80×" in edge.sentence


def test_one_failure_is_not_a_violation() -> None:
    world = World().edge(INTO_ORDERS, requests_per_s=2.0, failures_per_s=0.1)
    status = next(slo for slo in diagnose(world).slos if slo.service == "orders")
    assert status.availability_met is None
    assert status.availability_percent == 95.0


def test_missing_replicas_and_idle_ones_are_told_apart() -> None:
    world = World(configuration(payments=3, food=4))
    world.workload("payments", ready=1).workload("food", utilisation=0.1)
    found = {symptom.subject: symptom for symptom in diagnose(world).symptoms}
    assert found["payments"].sentence == "payments has 1 of 3 replicas ready."
    assert found["payments"].severity is Severity.WARNING
    assert found["food"].kind is SymptomKind.OVERPROVISIONED
    assert found["food"].severity is Severity.INFO


def test_an_idle_workload_at_its_minimum_is_no_symptom() -> None:
    assert diagnose(World().workload("food", utilisation=0.1)).symptoms == ()


def test_utility_counts_users_not_hops() -> None:
    utility = diagnose(World(configuration(payments=2)), actions=1).utility
    assert utility.served_within_slo == 40.0
    assert utility.failed == 0.0
    assert utility.replica_cost == 10.0
    assert utility.action_churn == 1.0
    assert utility.total == 29.0


def test_every_symptom_carries_evidence() -> None:
    world = World(configuration(payments=2)).edge(INTO_ORDERS, p95_ms=900, failures_per_s=8.0)
    world.edge(TO_PAYMENTS, p95_ms=800, failures_per_s=8.0).workload("payments", utilisation=0.99, ready=1)
    for symptom in diagnose(world).symptoms:
        assert symptom.evidence, symptom
        assert symptom.sentence.endswith(".")
        assert symptom.evidence[0].window_s == 10.0
