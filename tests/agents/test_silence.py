"""Threshold against replicas that do not answer."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from marskit.agents.settings import CALM_CYCLES
from marskit.agents.threshold import Threshold
from marskit.domain.actions import Action, Scale, SetOutlierDetection, SetRetries, SetTimeout, ShiftTraffic
from marskit.domain.config import OutlierDetection, Retries
from marskit.domain.diagnosis import Ailment, Suspect
from marskit.domain.observation import ReplicaObservation
from marskit.domain.plan import Plan
from marskit.mapek.analyse.analyse import analyse
from marskit.mapek.plan.shield import Shield
from marskit.mapek.plan.shield_rules import ShieldLimits
from tests.fake_changes import changed
from tests.knowledge.cycles import cycle
from tests.mapek.mesh import GOALS, TO_PAYMENTS, TOPOLOGY, World, configuration

EJECTED = OutlierDetection(2, 1_000, 15_000, 50)


def silent_world(
    name: str = "payments", *, silent: int = 1, of: int = 2, world: World | None = None
) -> World:
    """So many of a workload's replicas do not answer."""
    world = world or World(configuration(**{name: of}))
    members = tuple(
        ReplicaObservation(f"{name}-{n}", 20, 0.0, 3.0, 25)
        if n <= silent
        else ReplicaObservation(f"{name}-{n}", 1, 20.0, 0.0, 1)
        for n in range(1, of + 1)
    )
    world.workloads[name] = replace(world.workloads[name], replicas=members)
    return world.workload(name, utilisation=0.25)


def plan(
    planner: Threshold, world: World, *names: str, now_s: float = 100.0, earlier: World | None = None
) -> Plan:
    """The plan while these workloads are silent, after a healthy cycle with the `earlier` observation."""
    diagnosis = analyse(
        world.observation(now_s),
        topology=TOPOLOGY,
        goals=GOALS,
        configuration=world.configuration,
        actions=0,
        period_s=1.0,
    )
    suspects = tuple(Suspect(name, Ailment.SILENT, 0.97, (), f"{name} does not answer.") for name in names)
    view = world.view(now_s)
    if earlier is not None:
        view = replace(view, cycles=(replace(cycle(1), observation=earlier.observation(90.0)),))
    return planner.plan(replace(diagnosis, suspects=suspects), view)


def proposed(world: World, *names: str) -> Sequence[Action]:
    return plan(Threshold(), world, *names).proposed


def test_a_replica_that_does_not_answer_gets_a_time_limit_and_is_ejected() -> None:
    result = plan(Threshold(), silent_world(), "payments")
    assert result.proposed == (SetTimeout("payments", 0, 300), SetOutlierDetection("payments", EJECTED))
    assert "requests by payments[0] end after 300 ms (none shorter is set)" in result.reason
    assert (
        "one that leaves 2 requests in a row unanswered gets none for 15 s, longer every time"
        in result.reason
    )


def test_where_requests_are_rare_one_without_an_answer_is_enough() -> None:
    world = silent_world()
    seldom = tuple(
        replace(each, unanswered=min(each.unanswered, 9)) for each in world.workloads["payments"].replicas
    )
    world.workloads["payments"] = replace(world.workloads["payments"], replicas=seldom)
    result = plan(Threshold(), world, "payments")
    assert SetOutlierDetection("payments", replace(EJECTED, consecutive_5xx=1)) in result.proposed
    assert "one that leaves 1 request in a row unanswered" in result.reason


def test_the_shield_lets_all_of_it_pass_and_everything_has_an_inverse() -> None:
    world = silent_world()
    wanted = proposed(world, "payments")
    assert Shield(ShieldLimits()).check(wanted, world.view(), ()) == (wanted, ())


@pytest.mark.parametrize("silent", [1, 2, 3])
def test_as_many_may_be_ejected_as_do_not_answer(silent: int) -> None:
    (rule,) = [
        action
        for action in proposed(silent_world(silent=silent, of=4), "payments")
        if isinstance(action, SetOutlierDetection)
    ]
    assert rule.outlier_detection is not None
    assert rule.outlier_detection.max_ejection_percent == 25 * silent


def test_what_is_stricter_already_is_kept() -> None:
    config = changed(
        configuration(payments=2), SetOutlierDetection("payments", OutlierDetection(2, 500, 60_000, 80))
    )
    config = changed(config, SetTimeout("payments", 0, 100))
    assert proposed(silent_world(world=World(config)), "payments") == ()


def test_where_requests_may_be_repeated_each_try_is_limited_and_sent_again() -> None:
    config = changed(
        configuration(payments=2), SetRetries("payments", 0, Retries(2, None, "connect-failure,reset"))
    )
    (limited, _) = proposed(silent_world(world=World(config)), "payments")
    assert limited == SetRetries("payments", 0, Retries(2, 300, "connect-failure,reset"))
    once = changed(config, SetRetries("payments", 0, Retries(2, None, "connect-failure")))
    assert isinstance(proposed(silent_world(world=World(once)), "payments")[0], SetTimeout), (
        "not safe to repeat"
    )


def test_the_limit_is_never_shorter_than_answers_usually_take() -> None:
    # An objective of 200 ms, but 99 % within 600 ms.
    world = silent_world(world=World(configuration(payments=2)).edge(TO_PAYMENTS, p95_ms=500.0))
    calm = (
        World(configuration(payments=2)).edge(TO_PAYMENTS, p95_ms=500.0).workload("payments", utilisation=0.2)
    )
    (timeout,) = [
        a for a in plan(Threshold(), world, "payments", earlier=calm).proposed if isinstance(a, SetTimeout)
    ]
    assert timeout.timeout_ms == 1800


def test_the_limit_leaves_time_where_the_others_are_too_few_and_more_are_started() -> None:
    busy = World(configuration(payments=2)).workload("payments", utilisation=0.8)
    world = silent_world(world=World(configuration(payments=2)))
    result = plan(Threshold(), world, "payments", earlier=busy)
    assert [a for a in result.proposed if isinstance(a, Scale)] == [Scale("payments", 4)]
    (timeout,) = [a for a in result.proposed if isinstance(a, SetTimeout)]
    assert timeout.timeout_ms is not None
    assert timeout.timeout_ms >= 700


def test_a_workload_of_which_nobody_answers_loses_its_traffic_at_once() -> None:
    world = silent_world("music", silent=2)
    shift = proposed(world, "music")[0]
    assert shift == ShiftTraffic("recommendations", 0, (("food", 100), ("music", 0)))
    one = proposed(silent_world("music", silent=1), "music")
    assert not any(isinstance(action, ShiftTraffic) for action in one), "the other one answers"


def test_without_another_subset_new_replicas_take_over() -> None:
    result = plan(Threshold(), silent_world(silent=1, of=1), "payments")
    assert Scale("payments", 2) in result.proposed
    assert not any(isinstance(action, SetOutlierDetection) for action in result.proposed), (
        "nobody would be left"
    )


def test_a_silent_workload_is_not_idle() -> None:
    planner, world = Threshold(), silent_world()
    config = world.configuration
    for action in plan(planner, world, "payments").proposed:
        config = changed(config, action)
    for number in range(20):
        still = silent_world(world=World(config)).workload("payments", utilisation=0.05)
        assert plan(planner, still, "payments", now_s=102.0 + 2 * number).proposed == ()


def test_everything_is_taken_back_when_all_answer_again() -> None:
    planner, world = Threshold(), silent_world()
    config = world.configuration
    for action in plan(planner, world, "payments").proposed:
        config = changed(config, action)
    assert config != world.configuration
    for number in range(3 * CALM_CYCLES):
        calm = World(config).workload("payments", utilisation=0.5)
        # An ejected replica is not known to answer.
        ejected = int(number < 5)
        calm.edges[TO_PAYMENTS] = replace(calm.edges[TO_PAYMENTS], ejected=ejected)
        for action in plan(planner, calm, now_s=110.0 + 2 * number).proposed:
            assert number >= CALM_CYCLES - 1
            config = changed(config, action)
    assert config == world.configuration
