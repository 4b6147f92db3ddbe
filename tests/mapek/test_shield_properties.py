"""No sequence of planner outputs breaches an invariant of the shield."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from marskit.domain.actions import Action, Scale, SetRetries, SetTimeout, ShiftTraffic, target
from marskit.domain.config import Configuration, Retries
from marskit.domain.records import Execution, Origin, Outcome
from marskit.mapek.plan.shield import Shield, ShieldLimits
from tests.mapek.mesh import TOPOLOGY, World, configuration

LIMITS = ShieldLimits()
NAMES = tuple(w.name for w in TOPOLOGY.workloads)

scales = st.builds(Scale, st.sampled_from((*NAMES, "carts")), st.integers(-3, 30))
weights = st.integers(-20, 120).flatmap(
    lambda food: st.tuples(
        st.just(("food", food)), st.tuples(st.just("music"), st.just(100 - food) | st.integers(0, 100))
    )
)
shifts = st.builds(ShiftTraffic, st.sampled_from(("recommendations", "carts")), st.integers(0, 1), weights)
others = st.builds(
    SetTimeout, st.just("payments"), st.integers(0, 1), st.none() | st.integers(1, 5000)
) | st.builds(SetRetries, st.just("payments"), st.just(0), st.none() | st.builds(Retries, st.integers(0, 9)))
proposals = st.lists(scales | shifts | others, max_size=6)
readings = st.fixed_dictionaries(
    {
        name: st.tuples(st.none() | st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 50.0))
        for name in NAMES
    }
)
"""Of every workload its utilisation, the share of its replicas that are ready, and its queue."""
steps = st.lists(st.tuples(proposals, readings, st.floats(0.0, 20.0)), min_size=1, max_size=12)
starts = st.builds(configuration, *[st.integers(1, 10)] * 4, food_weight=st.integers(0, 100))


def observe(config: Configuration, reading: dict[str, tuple[float | None, float, float]]) -> World:
    world = World(config)
    for name, (utilisation, ready_share, queued) in reading.items():
        ready = round(config.replicas_of(name) * ready_share)
        world.workload(name, utilisation=utilisation, ready=ready, queued=queued)
    return world


def after(config: Configuration, action: Action) -> Configuration:
    match action:
        case Scale(workload, replicas):
            return replace(
                config, replicas=tuple((n, replicas if n == workload else r) for n, r in config.replicas)
            )
        case ShiftTraffic(virtual_service, index, shares):
            share = dict(shares)
            routes = tuple(
                replace(
                    route,
                    destinations=tuple(
                        replace(d, weight_percent=share[d.subset or d.service]) for d in route.destinations
                    ),
                )
                if (route.virtual_service, route.index) == (virtual_service, index)
                else route
                for route in config.routes
            )
            return replace(config, routes=routes)
        case _:
            return config


@settings(max_examples=300)
@given(starts, steps, st.sampled_from((1.0, 10.0, 60.0)))
def test_no_sequence_of_proposals_breaches_an_invariant(
    config: Configuration,
    sequence: list[tuple[list[Action], dict[str, tuple[float | None, float, float]], float]],
    speed: float,
) -> None:
    shield, executions, now_s = Shield(LIMITS), list[Execution](), 0.0
    for proposed, reading, scenario_s in sequence:
        now_s += scenario_s / speed
        world = observe(config, reading)
        view = world.view(now_s, speed=speed)
        allowed, changes = shield.check(proposed, view, executions)

        assert len({target(action) for action in allowed}) == len(allowed)
        assert all(change.sentence.endswith(".") for change in changes)
        dropped = sum(change.allowed is None for change in changes)
        assert dropped + len(allowed) == len(proposed), "every proposal is allowed or dropped with a reason"

        for action in allowed:
            last = [e.at_s for e in executions if target(e.action) == target(action)]
            passed_s = (now_s - max(last)) * speed if last else float("inf")
            match action:
                case Scale(name, replicas):
                    workload, before = TOPOLOGY.workload(name), config.replicas_of(name)
                    assert replicas != before
                    assert workload.min_replicas <= replicas <= workload.max_replicas
                    assert before - LIMITS.max_step_down <= replicas <= before + LIMITS.max_step_up
                    if replicas > before:
                        assert passed_s >= LIMITS.cooldown_up_s
                    else:
                        assert passed_s >= LIMITS.cooldown_down_s
                        observed = world.workloads[name]
                        assert observed.utilisation is not None
                        busy = observed.utilisation * observed.replicas_assumed
                        assert busy <= LIMITS.safe_utilisation * replicas + 1e-9
                case ShiftTraffic(virtual_service, index, shares):
                    assert passed_s >= LIMITS.cooldown_route_s
                    assert sum(weight for _, weight in shares) == 100
                    route = config.route(virtual_service, index)
                    old = {d.subset: d.weight_percent for d in route.destinations}
                    for subset, weight in shares:
                        assert 0 <= weight <= 100
                        assert abs(weight - old[subset]) <= LIMITS.max_weight_step_percent
                        if weight > old[subset]:
                            assert world.workloads[subset].replicas_ready
                case _:
                    assert passed_s >= LIMITS.cooldown_route_s
            executions.append(
                Execution(
                    len(executions) + 1,
                    Origin.PLANNER,
                    action,
                    "",
                    "",
                    None,
                    None,
                    Outcome.APPLIED,
                    "",
                    now_s,
                )
            )
        for action in allowed:
            config = after(config, action)


@given(proposals, readings, starts)
def test_what_the_shield_allowed_it_allows_again(
    proposed: list[Action], reading: dict[str, tuple[float | None, float, float]], config: Configuration
) -> None:
    view = observe(config, reading).view()
    allowed, _ = Shield(LIMITS).check(proposed, view, ())
    assert Shield(LIMITS).check(allowed, view, ()) == (allowed, ())
