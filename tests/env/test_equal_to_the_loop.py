"""What is compiled for speed decides and counts as the loop's own shield, autoscaler and utility do."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from marskit.agents.hpa import Hpa
from marskit.agents.hpa_behaviour import (
    SCALE_DOWN,
    TARGETS_PERCENT,
    Behaviour,
    Policy,
    PolicyType,
    ScalingRules,
)
from marskit.agents.situation import Observer
from marskit.agents.trial import JointAction, Trial
from marskit.domain.actions import Action, Scale, ShiftTraffic
from marskit.domain.config import Configuration
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.goals import Goals, Utility
from marskit.domain.metrics import ConfigGeneration
from marskit.domain.observation import Latency, Observation, ServiceObservation, WorkloadObservation
from marskit.domain.records import Execution, Origin, Outcome
from marskit.env.encoding import BUSY, DIRECT, PER_RAW, READY, STATIONS, encoding
from marskit.env.mesh_env import demo
from marskit.env.step import LOST, REPLICAS, SERVED, TERMS, VIOLATED, utility_of
from marskit.env.vector import EnvSettings, MeshVectorEnv
from marskit.mapek.analyse.utility import utility
from marskit.mapek.plan.shield import Shield
from marskit.mapek.plan.shield_rules import ShieldLimits
from marskit.mesh.manifests.graph import topology
from marskit.mesh.simulator.fluid import Fluid
from marskit.mesh.simulator.latency import slow
from marskit.planning import PlanningView
from marskit.training.rules import HpaRule
from tests.agents.context import calibrated_demo, demo_config, demo_goals, view_at

N = 400
PERIOD_S, SPEED = 2.0, 7.5
NOW_S = 100.0
SPLIT = "recommendations"
NOTHING_SEEN = Diagnosis((), (), None, Utility(0, 0, 0, 0, 0), "")


class Drawn:
    """An environment in states drawn at random, and the same states as the loop sees them."""

    def __init__(self, seed: int, limits: ShieldLimits | None = None) -> None:
        self.limits = limits or ShieldLimits()
        self.rng = rng = np.random.default_rng(seed)
        settings = EnvSettings(period_s=PERIOD_S, speed=SPEED, limits=self.limits)
        self.env = env = MeshVectorEnv(*demo(), N, settings=settings)
        env.reset(seed=seed)
        self.stations = [station.workload for station in env.encoding.model.stations]
        shape = len(self.stations), N
        self.desired = rng.integers(1, 7, shape)
        # Mostly all are ready; some still start.
        self.ready = np.maximum(0, self.desired - rng.integers(0, 3, shape) * (rng.random(shape) < 0.3))
        self.busy = rng.random(shape)
        self.since = rng.integers(1, 8, shape)
        """Control periods that will have passed since each workload was last scaled."""
        codes = env.encoding.codes
        self.first = int(codes.edge_from[codes.shifted[0]])
        self.percent = rng.integers(0, 101, N)
        env.fluid.desired[:], env.fluid.state.ready[:] = self.desired, self.ready
        env.fluid.weights[self.first], env.fluid.weights[self.first + 1] = (
            self.percent / 100.0,
            1.0 - self.percent / 100.0,
        )
        env.run.raw[STATIONS + READY :: PER_RAW] = self.ready
        env.run.raw[STATIONS + BUSY :: PER_RAW] = self.busy
        env.run.since[:] = self.since - 1

    def view(self, i: int) -> PlanningView:
        """What the loop sees of mesh `i`."""
        settings = configured(
            {name: int(self.desired[w, i]) for w, name in enumerate(self.stations)}, int(self.percent[i])
        )
        workloads = tuple(
            WorkloadObservation(
                name,
                topology(demo_config()).workload(name).service,
                int(self.desired[w, i]),
                int(self.ready[w, i]),
                0.0,
                float(self.busy[w, i]),
                0.0,
            )
            for w, name in enumerate(self.stations)
        )
        seen = Observation(NOW_S, 2 * PERIOD_S, (), workloads, (), None, ConfigGeneration(0, 0, 0))
        return replace(view_of_demo(), now_s=NOW_S, configuration=settings, observation=seen)

    def executions(self, i: int) -> tuple[Execution, ...]:
        """When the loop last scaled what."""
        return tuple(
            scaled(name, NOW_S - PERIOD_S * float(self.since[w, i])) for w, name in enumerate(self.stations)
        )

    def allowed(self, i: int, proposed: list[Action]) -> tuple[dict[str, int], int]:
        """What the shield leaves: the replicas of all workloads, and the percentage of food."""
        view = self.view(i)
        actions, _ = Shield(self.limits).check(proposed, view, self.executions(i))
        replicas = dict(view.configuration.replicas) | {
            action.workload: action.replicas for action in actions if isinstance(action, Scale)
        }
        shifts = [dict(a.weights_percent)["food"] for a in actions if isinstance(a, ShiftTraffic)]
        return replicas, (shifts or [int(self.percent[i])])[0]

    def done(self, i: int) -> tuple[dict[str, int], int]:
        """What the environment did, after a step."""
        replicas = {name: int(self.env.fluid.desired[w, i]) for w, name in enumerate(self.stations)}
        return replicas, round(100.0 * float(self.env.fluid.weights[self.first, i]))


@cache
def view_of_demo() -> PlanningView:
    return view_at(40.0)


def configured(replicas: dict[str, int], food_percent: int) -> Configuration:
    """The demo's configuration with these replicas, and that share of the split for food."""
    settings = view_of_demo().configuration
    split = settings.route(SPLIT, split_index())
    shares = {"food": food_percent, "music": 100 - food_percent}
    routes = tuple(
        replace(
            route,
            destinations=tuple(replace(d, weight_percent=shares[str(d.subset)]) for d in route.destinations),
        )
        if route is split
        else route
        for route in settings.routes
    )
    return replace(settings, replicas=tuple(replicas.items()), routes=routes)


def split_index() -> int:
    return next(r.index for r in view_of_demo().configuration.routes if len(r.destinations) == 2)


def scaled(workload: str, at_s: float) -> Execution:
    return Execution(
        id=1,
        origin=Origin.PLANNER,
        action=Scale(workload, 1),
        command="",
        diff="",
        inverse=None,
        inverse_command=None,
        outcome=Outcome.APPLIED,
        reason="",
        at_s=at_s,
    )


LIMITS = (
    ShieldLimits(),
    ShieldLimits(max_step_up=1, max_step_down=3, cooldown_down_s=20.0, safe_utilisation=0.6),
    ShieldLimits(max_step_up=6, max_step_down=1, cooldown_down_s=0.0, max_weight_step_percent=20),
)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("limits", LIMITS)
def test_the_environment_does_what_the_shield_allows(limits: ShieldLimits, seed: int) -> None:
    drawn = Drawn(seed, limits)
    wanted = drawn.rng.integers(0, 9, drawn.desired.shape)
    food = drawn.rng.integers(0, 101, N)
    actions = np.zeros((N, drawn.env.encoding.action_size), np.float32)
    actions[:, : len(drawn.stations)] = DIRECT + wanted.T
    actions[:, len(drawn.stations)] = DIRECT + food / 100.0
    drawn.env.step(actions)
    clamped = 0
    for i in range(N):
        proposed: list[Action] = [
            ShiftTraffic(SPLIT, split_index(), (("food", int(food[i])), ("music", 100 - int(food[i])))),
            *(Scale(name, int(wanted[w, i])) for w, name in enumerate(drawn.stations)),
        ]
        allowed = drawn.allowed(i, proposed)
        assert drawn.done(i) == allowed, (i, proposed, drawn.view(i))
        clamped += allowed[0] != {name: int(wanted[w, i]) for w, name in enumerate(drawn.stations)}
    # The shield had something to say nearly everywhere, so that the two could have differed.
    assert clamped > N / 2


@pytest.mark.parametrize("target", TARGETS_PERCENT)
def test_the_vectorised_autoscaler_recommends_what_the_planner_does(target: int) -> None:
    drawn = Drawn(target)
    drawn.env.period = 0
    rule = HpaRule(target / 100.0, 0.0)
    recommended = rule(drawn.env, drawn.env.run.observation)[:, : len(drawn.stations)].T - DIRECT
    behaviour = Behaviour(
        target_percent=target,
        scale_up=ScalingRules((Policy(PolicyType.PODS, 100),)),
        scale_down=replace(SCALE_DOWN, stabilisation_s=0.0),
    )
    changes = 0
    for i in range(N):
        view = drawn.view(i)
        plan = Hpa(behaviour).plan(NOTHING_SEEN, view)
        expected = dict(view.configuration.replicas) | {
            action.workload: action.replicas for action in plan.proposed if isinstance(action, Scale)
        }
        found = {name: round(float(recommended[w, i])) for w, name in enumerate(drawn.stations)}
        assert found == expected, (i, view)
        changes += len(plan.proposed)
    assert changes > N


def observed(fluid: Fluid, i: int, seconds: float) -> Observation:
    """What the loop would have seen at the gateway of mesh `i` of what passed in the last period."""
    s, flow = fluid.structure, fluid.flow
    services = []
    for k in range(int(s.call_from[1])):
        first, last = (int(s.profile_from[s.edge_from[k + end]]) for end in (0, 1))
        good = float(flow.moments[first:last, 0, i].sum())
        late = slow(s.slo_s[k], flow.moments, first, last, i)
        failed = float(flow.failed[k, i])
        service = fluid.model.calls[k].service
        services.append(
            ServiceObservation(
                service,
                (good + failed) / seconds,
                failed / seconds,
                Latency(),
                slow_percent=100.0 * late / good if good else None,
            )
        )
    return Observation(NOW_S, seconds, tuple(services), (), (), None, ConfigGeneration(0, 0, 0))


def loops_utility(
    fluid: Fluid, aims: Goals, i: int, stations: list[str], *, actions: int, seconds: float
) -> Utility:
    replicas = {name: int(fluid.desired[w, i]) for w, name in enumerate(stations)}
    return utility(
        observed(fluid, i, seconds),
        topology=topology(demo_config()),
        goals=aims,
        configuration=configured(replicas, 50),
        actions=actions,
        period_s=seconds,
    )


def test_the_environment_counts_utility_as_analyse_does() -> None:
    model, aims = demo()
    aims = replace(aims, replica_cost_per_s=1.7, action_cost=4.1)
    env = MeshVectorEnv(model, aims, N)
    env.reset(seed=8)
    rng = np.random.default_rng(8)
    stations = [station.workload for station in model.stations]
    failing = slowly = 0
    for _ in range(8):
        env.step(rng.uniform(-1, 1, (N, env.encoding.action_size)).astype(np.float32))
        totals = utility_of(env.run.terms)
        for i in range(N):
            actions = int(env.run.actions[i])
            expected = loops_utility(env.fluid, aims, i, stations, actions=actions, seconds=PERIOD_S)
            assert totals[i] == pytest.approx(expected.total, rel=1e-9, abs=1e-9)
            found = dict(zip(TERMS, env.run.terms[:, i], strict=True))
            del found["breach"]  # the environment's own shaping, which is no part of utility
            assert found == pytest.approx(
                {name: getattr(expected, name) for name in found}, rel=1e-9, abs=1e-9
            )
        failing += int((env.run.terms[LOST] > 0).sum())
        slowly += int((env.run.terms[VIOLATED] > 0).sum())
    assert min(failing, slowly) > 20
    assert (env.run.terms[[SERVED, REPLICAS]] > 0).all()


@pytest.mark.parametrize("rate", [15.0, 60.0, 140.0])
def test_a_trial_counts_utility_as_analyse_does(rate: float) -> None:
    model, aims = calibrated_demo(), replace(demo_goals(), replica_cost_per_s=1.7, action_cost=4.1)
    codes = encoding(model, ShieldLimits(), period_scenario_s=PERIOD_S * SPEED)
    trial = Trial(codes, aims, period_s=PERIOD_S)
    view = view_at(rate)
    situation = Observer(codes, period_s=PERIOD_S).see(view)
    stations = [station.workload for station in model.stations]
    before = [view.configuration.replicas_of(name) for name in stations]
    rng = np.random.default_rng(int(rate))
    choices = list(
        dict.fromkeys(
            JointAction(tuple(int(n) for n in rng.integers(1, 7, len(stations))), (float(share),))
            for share in rng.choice([0.5, 0.2, 0.9], 60)
        )
    )
    # Over one period, what passed in it is all that is counted.
    outcomes = trial.run(situation, view, np.array([rate, 1.1 * rate]), choices)
    for i, choice in enumerate(choices):
        scalings = sum(now != then for now, then in zip(choice.replicas, before, strict=True))
        shifts = int(abs(choice.shares[0] - 0.5) > 0.005)
        expected = loops_utility(trial._fluid, aims, i, stations, actions=scalings + shifts, seconds=PERIOD_S)
        assert outcomes[choice].utility_per_s == pytest.approx(expected.total, rel=1e-9, abs=1e-9)
