from dataclasses import replace

import pytest

from marskit.domain.actions import Action, Scale, SetOutlierDetection, SetRetries, SetTimeout, ShiftTraffic
from marskit.domain.config import Destination, OutlierDetection, Retries
from marskit.domain.plan import ShieldChange
from marskit.domain.records import Execution, Origin, Outcome
from marskit.mapek.plan.shield import Shield, ShieldLimits
from marskit.planning import HeldCanary
from tests.mapek.mesh import World, configuration

SHIELD = Shield(ShieldLimits())


def shift(food: int, music: int) -> ShiftTraffic:
    return ShiftTraffic("recommendations", 0, (("food", food), ("music", music)))


def executed(action: Action, at_s: float, outcome: Outcome = Outcome.APPLIED) -> Execution:
    return Execution(1, Origin.PLANNER, action, "", "", None, None, outcome, "", at_s)


def check(
    world: World,
    *actions: Action,
    executions: tuple[Execution, ...] = (),
    now_s: float = 100.0,
    speed: float = 1.0,
) -> tuple[tuple[Action, ...], tuple[ShieldChange, ...]]:
    return SHIELD.check(actions, world.view(now_s, speed=speed), executions)


def only(changes: tuple[ShieldChange, ...]) -> ShieldChange:
    assert len(changes) == 1, changes
    return changes[0]


def test_what_is_safe_passes_unchanged() -> None:
    actions: tuple[Action, ...] = (
        Scale("payments", 3),
        shift(70, 30),
        SetTimeout("payments", 0, 900),
        SetOutlierDetection("payments", OutlierDetection(5, 1000, 5000, 34)),
    )
    assert check(World(), *actions) == (actions, ())


def test_bounds_clamp_replicas_to_the_workload() -> None:
    allowed, changes = check(World(configuration(payments=8)), Scale("payments", 12))
    assert allowed == (Scale("payments", 10),)
    change = only(changes)
    assert (change.rule, change.allowed) == ("bounds", Scale("payments", 10))
    assert change.sentence == "payments may have 1 to 10 replicas, not 12."


@pytest.mark.parametrize("weights", [(60, 60), (120, -20), (0, 0)])
def test_bounds_drop_weights_that_are_no_shares(weights: tuple[int, int]) -> None:
    allowed, changes = check(World(), shift(*weights))
    assert allowed == ()
    assert only(changes).rule == "bounds"


@pytest.mark.parametrize(("start", "proposed", "allowed"), [(1, 9, 5), (9, 1, 7)])
def test_step_clamps_a_jump(start: int, proposed: int, allowed: int) -> None:
    world = World(configuration(payments=start)).workload("payments", utilisation=0.1)
    actions, changes = check(world, Scale("payments", proposed))
    assert actions == (Scale("payments", allowed),)
    assert only(changes).rule == "step"


def test_a_workload_outside_its_bounds_may_come_back_in_steps() -> None:
    world = World(configuration(payments=20)).workload("payments", utilisation=0.1)
    allowed, changes = check(world, Scale("payments", 4))
    assert allowed == (Scale("payments", 18),)
    assert [change.rule for change in changes] == ["step"]


def test_weight_step_goes_as_far_as_it_may() -> None:
    allowed, changes = check(World(configuration(food_weight=90)), shift(0, 100))
    assert allowed == (shift(40, 60),)
    assert only(changes).rule == "weight step"


@pytest.mark.parametrize(
    ("passed_s", "replicas", "is_allowed"),
    [(9.0, 5, False), (10.0, 5, True), (49.0, 3, False), (50.0, 3, True)],
)
def test_cool_down_is_short_for_more_and_long_for_fewer(
    *, passed_s: float, replicas: int, is_allowed: bool
) -> None:
    world = World(configuration(payments=4)).workload("payments", utilisation=0.1)
    before = (executed(Scale("payments", 4), 100.0 - passed_s),)
    allowed, changes = check(world, Scale("payments", replicas), executions=before)
    assert bool(allowed) is is_allowed
    assert [change.rule for change in changes] == ([] if is_allowed else ["cool-down"])


def test_cool_down_runs_on_the_scenarios_clock() -> None:
    before = (executed(Scale("payments", 1), 99.0),)
    assert check(World(), Scale("payments", 2), executions=before, speed=1.0)[0] == ()
    assert check(World(), Scale("payments", 2), executions=before, speed=10.0)[0] == (Scale("payments", 2),)


@pytest.mark.parametrize(
    ("outcome", "counts"),
    [
        (Outcome.APPLIED, True),
        (Outcome.UNKNOWN, True),
        (Outcome.REJECTED, False),
        (Outcome.WITHHELD, False),
    ],
)
def test_only_what_may_have_landed_cools_down(*, outcome: Outcome, counts: bool) -> None:
    before = (executed(Scale("payments", 1), 99.0, outcome), executed(Scale("orders", 1), 99.0))
    allowed, _ = check(World(), Scale("payments", 2), executions=before)
    assert (allowed == ()) is counts


def test_no_traffic_is_shifted_to_a_workload_without_a_ready_replica() -> None:
    world = World().workload("music", ready=0)
    allowed, changes = check(world, shift(40, 60))
    assert allowed == ()
    assert only(changes).sentence == "music may not get more traffic: no replica is known to be ready."
    assert check(world, shift(60, 40))[0] == (shift(60, 40),)


def test_a_subset_whose_workload_is_not_known_gets_no_more_traffic() -> None:
    split = (
        Destination("recommendations", "food", "food", 50),
        Destination("recommendations", "music", None, 50),
    )
    config = configuration()
    routes = (config.routes[0], replace(config.routes[1], destinations=split))
    world = World(replace(config, routes=routes))
    assert check(world, shift(40, 60))[0] == ()
    assert check(world, shift(60, 40))[0] == (shift(60, 40),)


def test_scaling_down_stops_where_the_rest_would_be_too_busy() -> None:
    world = World(configuration(payments=6)).workload("payments", utilisation=0.7)
    allowed, changes = check(world, Scale("payments", 4))
    assert allowed == (Scale("payments", 5),)
    assert only(changes).rule == "utilisation"
    assert only(changes).sentence == (
        "payments keeps 4.2 replicas busy, too many for 4 at 85 % each; 5 are enough."
    )
    world.workload("payments", utilisation=0.8)
    assert check(world, Scale("payments", 4))[0] == ()


def test_no_scaling_down_on_an_unknown_load() -> None:
    world = World(configuration(payments=3)).workload("payments", utilisation=None)
    allowed, changes = check(world, Scale("payments", 2))
    assert allowed == ()
    assert only(changes).sentence == "The load of payments is unknown, so it keeps its 3 replicas."
    assert check(world, Scale("payments", 4))[0] == (Scale("payments", 4),)


def test_no_scaling_down_of_what_is_to_get_more_traffic() -> None:
    world = World(configuration(music=3)).workload("music", utilisation=0.1)
    allowed, changes = check(world, shift(40, 60), Scale("music", 2))
    assert allowed == (shift(40, 60),)
    assert only(changes).rule == "utilisation"


def test_one_action_per_target() -> None:
    allowed, changes = check(World(), Scale("payments", 2), Scale("payments", 3), Scale("food", 2))
    assert allowed == (Scale("payments", 2), Scale("food", 2))
    assert (only(changes).rule, only(changes).proposed) == ("duplicate", Scale("payments", 3))


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (Scale("carts", 2), "carts is not a workload of this mesh."),
        (SetTimeout("carts", 0, 100), "Route carts[0] does not exist."),
        (SetRetries("payments", 1, Retries(2)), "Route payments[1] does not exist."),
        (SetOutlierDetection("carts", None), "DestinationRule carts does not exist."),
        (ShiftTraffic("carts", 0, (("a", 100),)), "Route carts[0] does not exist."),
        (
            ShiftTraffic("recommendations", 0, (("food", 100),)),
            "recommendations[0] splits between food, music; name all of them.",
        ),
    ],
)
def test_what_the_mesh_does_not_have_is_named(action: Action, sentence: str) -> None:
    allowed, changes = check(World(), action)
    assert allowed == ()
    assert (only(changes).rule, only(changes).sentence) == ("unknown target", sentence)


@pytest.mark.parametrize(
    "action",
    [
        Scale("payments", 1),
        shift(50, 50),
        SetTimeout("payments", 0, 2000),
        SetRetries("payments", 0, None),
        SetOutlierDetection("payments", None),
    ],
)
def test_what_is_already_so_is_dropped(action: Action) -> None:
    allowed, changes = check(World(), action)
    assert allowed == ()
    assert only(changes).rule == "no change"


def test_a_held_canary_gets_no_traffic_but_may_lose_some() -> None:
    held = (HeldCanary("music", "music fails 9 of 80 requests."),)
    view = replace(World().view(), held=held)
    route = view.configuration.route("recommendations", 0)
    (music,) = [d.weight_percent for d in route.destinations if d.subset == "music"]
    more, less = shift(100 - music - 10, music + 10), shift(100 - music + 10, music - 10)
    allowed, changes = SHIELD.check((more,), view, ())
    assert allowed == ()
    assert only(changes).rule == "canary"
    assert only(changes).sentence == "Canary blocked: music fails 9 of 80 requests."
    assert SHIELD.check((less,), view, ()) == ((less,), ())
    assert SHIELD.check((more,), World().view(), ()) == ((more,), ())
