"""What it sets about a fault, why, and when it takes that back; all else is `threshold`'s."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marskit.agents.remedies import LEAST_ERRORS, MOST_ERRORS, MOST_RETRIES
from marskit.agents.resilience import Resilience
from marskit.agents.settings import CALM_CYCLES
from marskit.agents.threshold import Threshold
from marskit.domain.actions import Action, Scale, SetOutlierDetection, SetRetries, SetTimeout
from marskit.domain.config import Configuration, OutlierDetection, Retries
from marskit.domain.diagnosis import Ailment, Diagnosis, Suspect
from marskit.domain.plan import Plan
from marskit.domain.topology import EdgeId
from marskit.mapek.analyse.analyse import analyse
from marskit.mapek.plan.shield import Shield, ShieldLimits
from tests.fake_changes import changed
from tests.mapek.mesh import (
    GOALS,
    INTO_ORDERS,
    TO_MUSIC,
    TO_PAYMENTS,
    TOPOLOGY,
    World,
    configuration,
)

FIVE_XX = "connect-failure,refused-stream,unavailable,cancelled,5xx,reset"


def diagnosis_of(world: World, *suspects: Suspect) -> Diagnosis:
    diagnosis = analyse(
        world.view().observation,
        topology=TOPOLOGY,
        goals=GOALS,
        configuration=world.configuration,
        actions=0,
        period_s=1.0,
    )
    return replace(diagnosis, suspects=suspects)


def suspect(workload: str, ailment: Ailment) -> Suspect:
    return Suspect(workload, ailment, 0.9, (), f"{workload} is {ailment}.")


def failing(percent: float, config: Configuration | None = None, *, retries_per_s: float = 0.0) -> World:
    world = World(config or configuration(payments=3)).edge(TO_PAYMENTS, failures_per_s=0.4 * percent)
    world.edges[TO_PAYMENTS] = replace(world.edges[TO_PAYMENTS], retries_per_s=retries_per_s)
    return world


def hanging(
    *, timeouts_per_s: float = 0.0, p95_ms: float = 4000.0, config: Configuration | None = None
) -> World:
    world = World(config or configuration(payments=3)).edge(TO_PAYMENTS, p95_ms=p95_ms)
    world.edges[TO_PAYMENTS] = replace(world.edges[TO_PAYMENTS], timeouts_per_s=timeouts_per_s)
    return world


def plan(planner: Resilience, world: World, *suspects: Suspect, now_s: float = 100.0) -> Plan:
    return planner.plan(diagnosis_of(world, *suspects), world.view(now_s))


def settings(actions: Sequence[Action]) -> list[Action]:
    return [action for action in actions if not isinstance(action, Scale)]


ERRORS = suspect("payments", Ailment.ERRORS)
DOWN = suspect("payments", Ailment.DOWN)


def test_a_healthy_mesh_is_left_alone_as_threshold_leaves_it() -> None:
    world = World()
    ours, theirs = plan(Resilience(), world), Threshold().plan(diagnosis_of(world), world.view())
    assert ours == replace(theirs, planner="resilience")


def test_where_some_requests_fail_they_are_sent_again_and_the_replica_is_ejected_sooner() -> None:
    result = plan(Resilience(), failing(10.0), ERRORS)
    assert settings(result.proposed) == [
        SetRetries("payments", 0, Retries(2, None, FIVE_XX)),
        SetOutlierDetection("payments", OutlierDetection(5, 1000, 5000, 34)),
    ]
    assert (
        "payments fails 10 % of 400 requests and answers the others: requests by payments[0] that fail are "
        "sent again, up to 2 times." in result.reason
    )
    assert "a replica that fails 5 times in a row gets no requests for 5 s" in result.reason
    assert [c.prediction for c in result.candidates if c.actions == result.proposed[:1]] == [None]


def test_a_lost_replica_needs_retries_of_broken_connections_and_no_ejection() -> None:
    world = World(configuration(payments=3)).workload("payments", ready=2)
    world.edge(TO_PAYMENTS, failures_per_s=0.4, flags=(("UC", 4),))
    (retries,) = settings(plan(Resilience(), world, DOWN).proposed)
    lost = "connect-failure,refused-stream,unavailable,cancelled,reset"
    assert retries == SetRetries("payments", 0, Retries(2, None, lost))


def test_what_is_set_already_is_kept_and_added_to() -> None:
    config = changed(configuration(payments=3), SetRetries("payments", 0, Retries(3, 500, "reset,5xx")))
    config = changed(config, SetOutlierDetection("payments", OutlierDetection(20, 2000, 9000, 50)))
    assert settings(plan(Resilience(), failing(10.0, config), ERRORS).proposed) == [
        SetRetries("payments", 0, Retries(3, 500, "reset,5xx,connect-failure,refused-stream")),
        SetOutlierDetection("payments", OutlierDetection(5, 2000, 9000, 50)),
    ]
    sooner = changed(config, SetOutlierDetection("payments", OutlierDetection(3, 2000, 9000, 50)))
    assert [type(a) for a in settings(plan(Resilience(), failing(10.0, sooner), ERRORS).proposed)] == [
        SetRetries
    ]


@pytest.mark.parametrize(
    ("world", "found"),
    [
        (failing(90.0), ERRORS),
        (World(configuration(payments=3)).workload("payments", ready=0), DOWN),
        (failing(10.0), suspect("payments", Ailment.SLOW)),
        (failing(10.0), suspect("payments", Ailment.OVERLOADED)),
        (failing(10.0), suspect(str(EdgeId("orders", "payments", "payments")), Ailment.ERRORS)),
    ],
    ids=["all of them fail", "no replica", "slow", "overloaded", "on the way"],
)
def test_nothing_is_sent_again_where_that_cannot_help(world: World, found: Suspect) -> None:
    assert settings(plan(Resilience(), world, found).proposed) == []


def test_retries_must_not_overload_what_fails() -> None:
    busy = failing(30.0).workload("payments", utilisation=0.75)
    assert not any(isinstance(a, SetRetries) for a in plan(Resilience(), busy, ERRORS).proposed)
    alone = failing(10.0, configuration(payments=1))
    assert [type(a) for a in settings(plan(Resilience(), alone, ERRORS).proposed)] == [SetRetries]


@given(st.floats(0.5, 74.0), st.floats(0.0, 30.0))
def test_tries_and_errors_in_a_row_stay_within_bounds(percent: float, retries_per_s: float) -> None:
    for action in plan(Resilience(), failing(percent, retries_per_s=retries_per_s), ERRORS).proposed:
        match action:
            case SetRetries(retries=Retries(attempts)):
                assert 2 <= attempts <= MOST_RETRIES
            case SetOutlierDetection(outlier_detection=OutlierDetection(errors)):
                assert LEAST_ERRORS <= errors <= MOST_ERRORS
                # Replicas that all fail alike are ejected by chance in one of a hundred windows at most.
                share = (0.4 * percent + retries_per_s) / (40.0 + retries_per_s)
                by_chance = 400 * min(share, 1) ** errors
                assert errors in (LEAST_ERRORS, MOST_ERRORS) or by_chance <= 0.011
            case _:
                pass


def test_settings_are_made_stronger_but_not_set_twice() -> None:
    planner, world = Resilience(), failing(10.0)
    first = plan(planner, world, ERRORS)
    config = world.configuration
    for action in settings(first.proposed):
        config = changed(config, action)
    assert settings(plan(planner, failing(5.0, config, retries_per_s=4.0), ERRORS).proposed) == []
    # Half of all tries fail, though few requests do.
    more = settings(plan(planner, failing(5.0, config, retries_per_s=36.0), ERRORS).proposed)
    assert more == [SetRetries("payments", 0, Retries(4, None, FIVE_XX))]
    config = changed(config, more[0])
    calm = World(config)
    proposed = [plan(planner, calm).proposed for _ in range(CALM_CYCLES)]
    assert proposed[-1] == (SetRetries("payments", 0, None),), "back to what was there at first"


def test_a_setting_goes_back_when_its_cause_has_been_gone_for_some_cycles() -> None:
    planner, world = Resilience(), failing(10.0)
    config = world.configuration
    for action in settings(plan(planner, world, ERRORS).proposed):
        config = changed(config, action)
    for _ in range(2 * CALM_CYCLES):
        # Its callers see no failure any more, but what is sent again shows that it goes on failing.
        assert settings(plan(planner, failing(0.0, config, retries_per_s=4.0)).proposed) == []
    for _ in range(CALM_CYCLES - 1):
        assert plan(planner, World(config)).proposed == ()
    assert settings(plan(planner, failing(10.0, config), ERRORS).proposed) == [], "a relapse counts anew"
    back = [plan(planner, World(config)) for _ in range(CALM_CYCLES)]
    assert [each.proposed for each in back[:-1]] == [()] * (CALM_CYCLES - 1)
    assert back[-1].proposed == (SetRetries("payments", 0, None),)
    assert f"has been gone for {CALM_CYCLES} cycles: it is taken back." in back[-1].reason
    config = changed(config, back[-1].proposed[0])
    assert plan(planner, World(config)).proposed == (SetOutlierDetection("payments", None),)
    config = changed(config, SetOutlierDetection("payments", None))
    assert config == configuration(payments=3)
    assert plan(planner, World(config)).proposed == ()


def test_what_somebody_else_has_set_since_stays() -> None:
    planner, world = Resilience(), failing(10.0)
    plan(planner, world, ERRORS)
    theirs = changed(world.configuration, SetRetries("payments", 0, Retries(7)))
    for _ in range(2 * CALM_CYCLES):
        assert plan(planner, World(theirs)).proposed == ()


@pytest.mark.parametrize(
    "world", [hanging(), hanging(timeouts_per_s=8.0, p95_ms=50.0)], ids=["far too late", "times out"]
)
def test_a_call_that_hangs_gets_a_timeout_of_twice_its_callers_objective(world: World) -> None:
    result = plan(Resilience(), world)
    assert settings(result.proposed) == [SetTimeout("payments", 0, 600)]
    assert "requests by payments[0] end after 600 ms, twice the objective of 300 ms" in result.reason


def test_where_nothing_comes_back_what_is_on_its_way_tells() -> None:
    world = World().edge(TO_PAYMENTS, p95_ms=None, n=0, requests_per_s=0.0)
    world.edges[TO_PAYMENTS] = replace(world.edges[TO_PAYMENTS], in_flight=60)
    result = plan(Resilience(), world)
    assert settings(result.proposed) == [SetTimeout("payments", 0, 600)]
    assert "payments does not answer 60 requests" in result.reason


def test_no_timeout_is_set_for_a_queue_nor_for_a_caller_nor_where_a_shorter_one_is() -> None:
    queue = hanging().workload("payments", utilisation=1.0, queued=80.0)
    assert settings(plan(Resilience(), queue).proposed) == []
    assert settings(plan(Resilience(), queue, suspect("payments", Ailment.SLOW)).proposed) == [
        SetTimeout("payments", 0, 600)
    ]
    late = hanging(p95_ms=1000.0)
    assert settings(plan(Resilience(), late).proposed) == [], "late is not never"
    short = hanging(config=changed(configuration(payments=3), SetTimeout("payments", 0, 500)))
    assert settings(plan(Resilience(), short).proposed) == []
    above = hanging().edge(INTO_ORDERS, p95_ms=4000.0)
    assert settings(plan(Resilience(), above).proposed) == [SetTimeout("payments", 0, 600)]


def test_the_timeout_goes_back_when_nothing_runs_out_of_time_any_more() -> None:
    planner = Resilience()
    config = hanging().configuration
    (timeout,) = settings(plan(planner, hanging()).proposed)
    config = changed(config, timeout)
    for _ in range(2 * CALM_CYCLES):
        assert (
            settings(plan(planner, hanging(timeouts_per_s=3.0, p95_ms=500.0, config=config)).proposed) == []
        )
    proposed = [plan(planner, World(config)).proposed for _ in range(CALM_CYCLES)]
    assert proposed == [()] * (CALM_CYCLES - 1) + [(SetTimeout("payments", 0, 2000),)]


def test_what_is_not_known_does_not_count_as_gone() -> None:
    planner, world = Resilience(), failing(10.0)
    config = world.configuration
    for action in settings(plan(planner, world, ERRORS).proposed):
        config = changed(config, action)
    silent = World(config).edge(TO_PAYMENTS, p95_ms=None, n=0, requests_per_s=0.0)
    for _ in range(2 * CALM_CYCLES):
        assert settings(plan(planner, silent).proposed) == []


def test_one_route_is_changed_once_a_cycle_and_the_shield_lets_it_pass() -> None:
    world = World(configuration(payments=3)).edge(TO_MUSIC, failures_per_s=6.0)
    result = plan(Resilience(), world, suspect("music", Ailment.ERRORS))
    allowed, changes = Shield(ShieldLimits()).check(result.proposed, world.view(), ())
    assert allowed == result.proposed
    assert changes == ()


def test_it_forgets_everything_when_it_is_reset() -> None:
    planner, world = Resilience(), failing(10.0)
    before = plan(planner, world, ERRORS)
    planner.reset(1)
    assert plan(planner, world, ERRORS) == before
