from marskit.agents.threshold import Threshold
from marskit.domain.actions import Scale, ShiftTraffic
from marskit.domain.config import Configuration
from marskit.domain.plan import Plan
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
)


def plan(planner: Threshold, world: World, now_s: float = 100.0) -> Plan:
    view = world.view(now_s)
    diagnosis = analyse(
        view.observation,
        topology=TOPOLOGY,
        goals=GOALS,
        configuration=world.configuration,
        actions=0,
        period_s=1.0,
    )
    return planner.plan(diagnosis, view)


def overloaded(
    config: Configuration | None = None, *, utilisation: float | None = 1.0, queued: float = 20.0
) -> World:
    world = World(config).edge(INTO_ORDERS, p95_ms=900.0).edge(TO_PAYMENTS, p95_ms=800.0)
    return world.workload("payments", utilisation=utilisation, queued=queued)


def shift(food: int) -> ShiftTraffic:
    return ShiftTraffic("recommendations", 0, (("food", food), ("music", 100 - food)))


def test_it_does_nothing_about_a_healthy_mesh_and_says_why() -> None:
    result = plan(Threshold(), World())
    assert result.proposed == ()
    assert result.reason == "Do nothing: all SLOs are met and no workload has been idle for long."
    assert result.candidates[-1].actions == ()


def test_the_bottleneck_is_scaled_in_proportion_to_how_busy_it_is() -> None:
    # 3 replicas' worth of work at an aim of 60 % needs 5.
    result = plan(Threshold(), overloaded(configuration(payments=3)))
    assert result.proposed == (Scale("payments", 5),)
    assert result.reason == (
        "payments is the bottleneck: 20 requests are waiting, utilisation 100 %, target 60 %; "
        "from 3 to 5 replicas."
    )


def test_where_requests_wait_all_workers_are_busy_whatever_the_windows_mean_says() -> None:
    world = overloaded(configuration(payments=2), utilisation=0.7)
    assert plan(Threshold(), world).proposed == (Scale("payments", 4),)
    world.workload("payments", utilisation=0.7, queued=2.0)
    assert plan(Threshold(), world).proposed == (Scale("payments", 3),)


def test_at_least_one_replica_is_added() -> None:
    planner, world = Threshold(), overloaded(utilisation=0.4, queued=0.0)
    first = plan(planner, world)
    assert first.proposed == ()
    assert "the next cycle will show whether this lasts" in first.reason
    assert plan(planner, world).proposed == (Scale("payments", 2),)
    assert plan(Threshold(), overloaded(utilisation=None)).proposed == (Scale("payments", 2),)


def test_it_waits_for_replicas_that_are_starting() -> None:
    world = overloaded(configuration(payments=3)).workload("payments", utilisation=1.0, queued=9.0, ready=1)
    result = plan(Threshold(), world)
    assert result.proposed == ()
    assert "2 of its 3 replicas are still starting" in result.candidates[0].reason
    assert (
        result.reason == "Do nothing: payments is the bottleneck, but 2 of its 3 replicas are still starting."
    )


def test_it_waits_for_the_window_to_show_what_the_last_scaling_did() -> None:
    planner = Threshold()
    assert plan(planner, overloaded(), 100.0).proposed == (Scale("payments", 2),)
    relieved = overloaded(configuration(payments=2), utilisation=0.55, queued=1.0)
    waiting = plan(planner, relieved, 101.0)
    assert waiting.proposed == ()
    assert "only recently" in waiting.candidates[0].reason
    still_short = overloaded(configuration(payments=2), utilisation=0.9, queued=0.0)
    assert plan(planner, still_short, 102.0).proposed == (Scale("payments", 3),), (
        "what is busy is not waited for"
    )
    another = Threshold()
    plan(another, relieved, 100.0)
    assert plan(another, relieved, 101.0).proposed == (Scale("payments", 3),), "nothing was scaled before"


def test_at_the_maximum_there_is_nothing_left_to_add() -> None:
    result = plan(Threshold(), overloaded(configuration(payments=10)))
    assert result.proposed == ()
    assert (
        result.candidates[0].reason
        == "payments is the bottleneck but already has its maximum of 10 replicas."
    )


def test_more_replicas_do_not_help_a_workload_that_idles() -> None:
    world = World().edge(INTO_ORDERS, failures_per_s=8.0).edge(TO_PAYMENTS, failures_per_s=8.0)
    world.workload("payments", utilisation=0.2)
    result = plan(Threshold(), world)
    assert result.proposed == ()
    assert "more replicas would not help" in result.candidates[0].reason


def test_a_replica_is_given_back_after_several_idle_cycles_in_a_row() -> None:
    planner = Threshold()
    world = World(configuration(food=3)).workload("food", utilisation=0.1)
    assert [plan(planner, world).proposed for _ in range(8)] == [()] * 7 + [(Scale("food", 2),)]
    assert plan(planner, world).proposed == (), "the next one takes as long again"


def test_a_violation_or_a_busy_cycle_starts_the_count_again() -> None:
    planner, idle = Threshold(), World(configuration(food=3)).workload("food", utilisation=0.1)
    for _ in range(7):
        plan(planner, idle)
    plan(planner, World(configuration(food=3)))
    assert plan(planner, idle).proposed == ()
    for _ in range(6):
        plan(planner, idle)
    plan(planner, overloaded(configuration(food=3)).workload("food", utilisation=0.1))
    assert plan(planner, idle).proposed == ()


def test_the_minimum_is_kept() -> None:
    planner, world = Threshold(), World().workload("food", utilisation=0.0)
    assert all(plan(planner, world).proposed == () for _ in range(12))


def test_traffic_leaves_a_failing_subset_in_steps() -> None:
    planner = Threshold()
    for food, expected in ((50, 75), (75, 100)):
        world = World(configuration(food_weight=food)).edge(TO_MUSIC, failures_per_s=10.0)
        result = plan(planner, world)
        assert result.proposed == (shift(expected),)
    assert result.reason == "music fails 100 of 400 requests: 25 points of its traffic move elsewhere."


def test_traffic_leaves_a_subset_that_drags_while_an_objective_is_violated() -> None:
    world = World().edge(INTO_ORDERS, p95_ms=500.0).edge(TO_MUSIC, p95_ms=400.0).edge(TO_FOOD, p95_ms=50.0)
    planner = Threshold()
    assert plan(planner, world).proposed == (), "slow once is chance"
    assert plan(planner, world).proposed == (shift(75),)
    harmless = World().edge(INTO_ORDERS, p95_ms=200.0).edge(TO_MUSIC, p95_ms=160.0)
    assert plan(Threshold(), harmless).proposed == ()


def test_an_overloaded_subset_gets_replicas_instead() -> None:
    world = World().edge(INTO_ORDERS, p95_ms=500.0).edge(TO_MUSIC, p95_ms=400.0, failures_per_s=10.0)
    world.workload("music", utilisation=1.0, queued=30.0)
    assert plan(Threshold(), world).proposed == (Scale("music", 2),)


def test_traffic_stays_where_no_other_subset_is_well() -> None:
    world = World().edge(TO_MUSIC, failures_per_s=10.0).workload("food", ready=0)
    result = plan(Threshold(), world)
    assert result.proposed == ()
    assert any("no other subset can take its traffic" in candidate.reason for candidate in result.candidates)


def test_traffic_comes_back_in_small_steps_once_the_subset_has_rested_and_proven_itself() -> None:
    planner = Threshold()
    failing = World(configuration(food_weight=75)).edge(TO_MUSIC, failures_per_s=10.0)
    assert plan(planner, failing, 0.0).proposed == (shift(100),)
    away = World(configuration(food_weight=100)).edge(TO_MUSIC, requests_per_s=0.0, p95_ms=None)
    assert plan(planner, away, 54.0).proposed == ()
    assert plan(planner, away, 55.0).proposed == (shift(90),)
    silent = World(configuration(food_weight=90)).edge(TO_MUSIC, requests_per_s=0.5, n=5)
    assert plan(planner, silent, 80.0).proposed == (), "5 requests prove nothing"
    well = World(configuration(food_weight=90))
    assert plan(planner, well, 81.0).proposed == (shift(80),)
    assert plan(planner, World(configuration(food_weight=80)), 105.0).proposed == ()
    assert plan(planner, World(configuration(food_weight=80)), 106.0).proposed == (shift(75),)
    assert plan(planner, World(configuration(food_weight=75)), 200.0).proposed == (), "home again"


def test_a_subset_that_rests_keeps_its_replicas_for_when_it_is_back() -> None:
    planner = Threshold()
    failing = World(configuration(food_weight=75, music=2)).edge(TO_MUSIC, failures_per_s=10.0)
    assert plan(planner, failing, 0.0).proposed == (shift(100),)
    resting = World(configuration(food_weight=100, music=2)).workload("music", utilisation=0.0)
    resting.edge(TO_MUSIC, requests_per_s=0.0, p95_ms=None)
    assert [plan(planner, resting, float(at)).proposed for at in range(1, 20)] == [()] * 19


def test_every_relapse_doubles_the_rest() -> None:
    planner = Threshold()
    plan(planner, World(configuration(food_weight=75)).edge(TO_MUSIC, failures_per_s=10.0), 0.0)
    away = World(configuration(food_weight=100)).edge(TO_MUSIC, requests_per_s=0.0, p95_ms=None)
    assert plan(planner, away, 55.0).proposed == (shift(90),)
    relapse = World(configuration(food_weight=90)).edge(TO_MUSIC, failures_per_s=10.0)
    assert plan(planner, relapse, 70.0).proposed == (shift(100),)
    assert plan(planner, away, 179.0).proposed == ()
    assert plan(planner, away, 180.0).proposed == (shift(90),)


def test_weights_that_somebody_else_set_are_left_alone() -> None:
    planner = Threshold()
    plan(planner, World(configuration(food_weight=75)).edge(TO_MUSIC, failures_per_s=10.0), 0.0)
    assert plan(planner, World(configuration(food_weight=60)), 100.0).proposed == ()
    assert plan(planner, World(configuration(food_weight=100)), 200.0).proposed == ()


def test_the_same_views_give_the_same_plans_after_a_reset() -> None:
    planner = Threshold()
    worlds = [World(configuration(food=3)).workload("food", utilisation=0.1) for _ in range(9)]
    first = [plan(planner, world) for world in worlds]
    planner.reset(1)
    assert [plan(planner, world) for world in worlds] == first
