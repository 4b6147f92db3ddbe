"""Evaluation of planning rules: the same loads and meshes for all, beside the front of tuned rules."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marskit.agents.hpa_behaviour import TARGETS_PERCENT, WINDOWS_S
from marskit.domain.goals import Goals
from marskit.env.encoding import FAILED, SLOW
from marskit.env.step import LOST, utility_of
from marskit.env.vector import EnvSettings, MeshVectorEnv
from marskit.mesh.simulator.arrays import Floats
from marskit.mesh.simulator.model import TwinModel
from marskit.training.rules import DemandRule, HpaRule, VectorRule

DEMAND_TARGETS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)


@dataclass(frozen=True, slots=True)
class Scores:
    """Means over all meshes and periods, and means by mesh (N,) for confidence intervals."""

    violated_percent: float
    """Share of periods whose window (of two) violates the SLO, counted like in comparisons."""
    replicas: float
    failed_per_s: float
    actions: float
    """Actions per period."""
    utility_per_s: float
    reward: float
    violated_by_mesh: Floats


class Judge:
    """Evaluates rules and policies on fixed loads that are kept out of training."""

    def __init__(
        self, model: TwinModel, goals: Goals, settings: EnvSettings, *, meshes: int, seed: int
    ) -> None:
        self._env = MeshVectorEnv(model, goals, meshes, settings=settings)
        self._seed = seed

    def scores(self, rule: VectorRule) -> Scores:
        """The rule's results on all loads."""
        env = self._env
        observation, _ = env.reset(seed=self._seed)
        periods = env.settings.periods - 1
        sums, violated = np.zeros(6), np.zeros(env.num_envs)
        for _ in range(periods):
            observation, reward, *_ = env.step(rule(env, observation))
            terms = env.run.terms
            slow, failed = env.run.raw[SLOW], env.run.raw[FAILED]
            violated += (slow > env.prices.allowed) | (failed > env.prices.failing)
            utility = utility_of(terms)
            replicas = env.fluid.desired.sum(axis=0)
            sums += [
                each.mean() for each in (replicas, terms[LOST], env.run.actions, utility, reward, violated)
            ]
        replicas_mean, lost, actions, utility_mean, reward_mean, _ = sums / periods
        return Scores(
            violated_percent=float(100.0 * violated.mean() / periods),
            replicas=float(replicas_mean),
            failed_per_s=float(lost),
            actions=float(actions),
            utility_per_s=float(utility_mean),
            reward=float(reward_mean),
            violated_by_mesh=100.0 * violated / periods,
        )

    def hpa_front(self) -> tuple[tuple[str, Scores], ...]:
        """Every tuning of the HPA, by its planner's name."""
        return tuple(
            (f"hpa:{target}:{window_s}", self.scores(HpaRule(target / 100.0, window_s)))
            for target in TARGETS_PERCENT
            for window_s in WINDOWS_S
        )

    def demand_front(self) -> tuple[tuple[str, Scores], ...]:
        """Every target of the demand rule."""
        return tuple(
            (f"demand:{round(100 * target)}", self.scores(DemandRule(target))) for target in DEMAND_TARGETS
        )


def at_equal_replicas(front: tuple[tuple[str, Scores], ...], replicas: float) -> float:
    """The lowest share of violations, in percent, on the front (lower hull) at that number of replicas."""
    return read_off([(scores.replicas, scores.violated_percent) for _, scores in front], replicas)


def read_off(points: Sequence[tuple[float, float]], x: float) -> float:
    """The lowest y at `x` on the hull of (x, y) points that no other dominates."""
    front = [(at, y) for at, y in sorted(points) if all(y < other for before, other in points if before < at)]
    xs, ys = zip(*front, strict=True)
    return float(np.interp(x, xs, ys))


def interval(values: Floats, *, seed: int = 0, resamples: int = 2000) -> tuple[float, float]:
    """A 95 % bootstrap interval of the mean (Efron 1979)."""
    rng = np.random.default_rng(seed)
    means = values[rng.integers(0, len(values), (resamples, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
