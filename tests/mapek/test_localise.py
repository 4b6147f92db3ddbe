from dataclasses import replace

import pytest

from marskit.domain.diagnosis import Ailment, Diagnosis, Suspect
from marskit.domain.topology import EdgeId
from marskit.mapek.analyse.analyse import analyse
from marskit.mapek.analyse.memory import Memory
from tests.mapek.mesh import (
    GOALS,
    INTO_ORDERS,
    TO_FOOD,
    TO_MUSIC,
    TO_PAYMENTS,
    TOPOLOGY,
    World,
    configuration,
)

BUSY_MS = dict.fromkeys(("orders", "payments", "food", "music"), 12.5)
"""What a request costs in a healthy `World`: half of one replica at 40 requests a second."""


def diagnose(world: World, memory: Memory | None = None, *, at_s: float = 100.0) -> Diagnosis:
    return analyse(
        world.observation(at_s),
        topology=TOPOLOGY,
        goals=GOALS,
        configuration=world.configuration,
        actions=0,
        period_s=5.0,
        memory=memory or Memory(expected=BUSY_MS),
    )


def first(world: World) -> Suspect:
    return diagnose(world).suspects[0]


def lose(world: World, name: str, count: int, *, ready: int) -> World:
    world.workloads[name] = replace(world.workloads[name], replicas_lost=count, replicas_ready=ready)
    return world


def test_nobody_is_suspected_in_a_healthy_mesh() -> None:
    assert diagnose(World()).suspects == ()


def test_a_replica_that_went_away_is_told_even_when_it_is_back() -> None:
    suspect = first(lose(World(configuration(payments=2)), "payments", 1, ready=2))
    assert (suspect.subject, suspect.ailment) == ("payments", Ailment.DOWN)
    assert suspect.sentence == ("payments lost replicas: 1 ended unexpectedly within 10 s, 2 of 2 ready now.")


def test_requests_that_found_no_replica_point_to_the_workload() -> None:
    world = World().edge(TO_FOOD, failures_per_s=3.0, flags=(("UH", 20), ("UC", 10)))
    suspect = first(world.edge(INTO_ORDERS, failures_per_s=3.0))
    assert (suspect.subject, suspect.ailment) == ("food", Ailment.DOWN)
    assert "30 of 400 requests reached no replica" in suspect.sentence


def test_replicas_that_were_just_asked_for_may_start_in_peace_but_not_for_ever() -> None:
    memory = Memory(expected=BUSY_MS)
    assert diagnose(World(), memory).suspects == ()
    starting = World(configuration(payments=3)).workload("payments", ready=1)
    assert diagnose(starting, memory, at_s=105.0).suspects == ()
    (late,) = diagnose(starting, memory, at_s=130.0).suspects
    assert (late.subject, late.ailment) == ("payments", Ailment.DOWN)


def test_work_per_request_tells_a_slow_workload_from_an_overloaded_one() -> None:
    slow = World().workload("payments", utilisation=0.98, queued=3.0).edge(TO_PAYMENTS, requests_per_s=20.0)
    assert (first(slow).subject, first(slow).ailment) == ("payments", Ailment.SLOW)
    assert "49 ms, usually 12 ms (3.9×, n 200)" in first(slow).sentence
    busy = World().workload("payments", utilisation=0.98, queued=3.0).edge(TO_PAYMENTS, requests_per_s=80.0)
    diagnosis = diagnose(
        busy.edge(INTO_ORDERS, p95_ms=900.0).edge(TO_PAYMENTS, p95_ms=850.0, requests_per_s=80.0)
    )
    assert diagnosis.bottleneck == "payments"
    assert [(s.subject, s.ailment) for s in diagnosis.suspects] == [("payments", Ailment.OVERLOADED)]
    assert not diagnosis.suspects[0].is_fault
    assert "most likely fault" not in diagnosis.sentence


def test_who_has_just_been_scaled_is_not_taken_for_slow_because_the_load_rises() -> None:
    world = World(configuration(payments=3))
    payments = world.workloads["payments"]
    for seen_s, ailments in ((10.0, [Ailment.SLOW]), (5.0, [Ailment.SLOW]), (4.0, [])):
        # Of a window of 10 s: 22.5 ms a request, if the 40 requests a second came all the time.
        world.workloads["payments"] = replace(payments, utilisation=0.3, utilisation_s=seen_s)
        assert [suspect.ailment for suspect in diagnose(world).suspects] == ailments


def test_what_a_full_queue_turns_away_is_no_error_of_its_own_and_cost_no_work() -> None:
    world = World().workload("payments", utilisation=1.0, queued=40.0)
    world.edge(TO_PAYMENTS, requests_per_s=160.0, failures_per_s=80.0)
    assert [(s.subject, s.ailment) for s in diagnose(world).suspects] == [("payments", Ailment.OVERLOADED)]


def test_errors_are_held_against_those_who_made_them_alone() -> None:
    world = World().edge(TO_MUSIC, failures_per_s=4.0).edge(INTO_ORDERS, failures_per_s=4.1)
    (suspect,) = diagnose(world).suspects
    assert (suspect.subject, suspect.ailment) == ("music", Ailment.ERRORS)
    assert "40 of 400 requests have errors (10.0 %)" in suspect.sentence
    both = diagnose(world.edge(INTO_ORDERS, failures_per_s=12.0)).suspects
    assert [suspect.subject for suspect in both] == ["orders", "music"]


def test_a_call_whose_caller_died_failed_nobody() -> None:
    world = World().edge(TO_PAYMENTS, failures_per_s=2.0, flags=(("DC", 20),))
    assert diagnose(world).suspects == ()


def test_a_way_without_a_route_is_suspected_and_not_the_workload_behind_it() -> None:
    (suspect,) = diagnose(World().edge(TO_FOOD, failures_per_s=8.0, flags=(("NR", 80),))).suspects
    assert suspect.subject == str(TO_FOOD)
    assert "no route (NR) 80×" in suspect.sentence


def test_few_requests_accuse_nobody() -> None:
    few = World().edge(TO_FOOD, requests_per_s=0.5, failures_per_s=0.2)
    assert diagnose(few.workload("food", utilisation=0.4)).suspects == ()


def test_two_windows_together_tell_what_one_is_too_short_for() -> None:
    memory = Memory(expected=BUSY_MS)
    world = World().edge(TO_FOOD, requests_per_s=40.0, failures_per_s=0.4)
    assert diagnose(world, memory, at_s=100.0).suspects == ()
    (suspect,) = diagnose(world, memory, at_s=110.0).suspects
    assert "8 of 800 requests" in suspect.sentence
    assert suspect.evidence[0].window_s == 20.0


@pytest.mark.parametrize("healthy", [8, 14])
def test_the_run_itself_teaches_what_is_usual_where_nothing_else_is_known(healthy: int) -> None:
    memory = Memory()
    for number in range(healthy):
        assert diagnose(World(), memory, at_s=10.0 * number).suspects == ()
    slow = World().workload("music", utilisation=0.9).edge(TO_MUSIC, requests_per_s=20.0)
    found = diagnose(slow, memory, at_s=10.0 * healthy).suspects
    # A dozen windows are needed; before that, all that can be said is that it is busy.
    assert found[0].subject == "music"
    assert found[0].is_fault is (healthy > 12)


def test_a_fault_elsewhere_than_the_bottleneck_is_told_with_the_reason() -> None:
    world = World().edge(INTO_ORDERS, p95_ms=812).edge(TO_PAYMENTS, p95_ms=640)
    world.workload("payments", utilisation=0.98, queued=14).edge(TO_PAYMENTS, p95_ms=640, requests_per_s=78.4)
    diagnosis = diagnose(world.edge(TO_FOOD, failures_per_s=10.0))
    assert diagnosis.bottleneck == "payments"
    assert diagnosis.suspects[0].subject == "food"
    assert "But the most likely fault is elsewhere: food fails itself" in diagnosis.sentence
    assert "payments is overloaded (not faulty)" in diagnosis.sentence


def test_a_clear_fault_is_told_while_every_objective_holds() -> None:
    diagnosis = diagnose(World().workload("food", utilisation=0.75).edge(TO_FOOD, requests_per_s=20.0))
    assert diagnosis.slo_met is True
    assert diagnosis.sentence.startswith("All SLOs are met; food is slow itself")


def test_edges_to_outside_the_mesh_are_nobodys_own() -> None:
    world = World()
    outside = EdgeId("orders", "api.example.com", "unknown")
    world.edges[outside] = replace(world.edges[TO_FOOD], edge=outside, failures_per_s=8.0)
    assert diagnose(world.edge(INTO_ORDERS, failures_per_s=8.0)).suspects == ()
