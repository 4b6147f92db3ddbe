"""Many meshes as one Gymnasium vector environment, computed side by side."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from marskit.domain.goals import Goals
from marskit.env.begin import Beginning, begin
from marskit.env.encoding import encoding
from marskit.env.step import TERMS, Everything, Prices, Run, step
from marskit.mapek.shield_rules import ShieldLimits
from marskit.mesh.simulator import arrays
from marskit.mesh.simulator.arrays import Floats
from marskit.mesh.simulator.fluid import Fluid
from marskit.mesh.simulator.jit import packed
from marskit.mesh.simulator.model import TwinModel

TICKS = 10
"""Of the twin, in one control period."""


@dataclass(frozen=True, slots=True)
class EnvSettings:
    """What an environment is, besides its mesh and its goals."""

    period_s: float = 2.0
    """Real seconds from one decision to the next."""
    speed: float = 7.5
    """Scenario seconds per real second, for the shield's cool-downs."""
    periods: int = 180
    """Control periods of an episode."""
    spread: float = 0.1
    """Every episode's service times, hops and starts are drawn from within this share of the model's."""
    breach_price: float = 1.0
    """What a period in which the objective is missed costs, as a share of `scale`."""
    steepness: float = 4.0
    """The power with which that cost rises before the objective is missed."""
    limits: ShieldLimits = field(default_factory=ShieldLimits)


class MeshVectorEnv(gym.vector.VectorEnv[NDArray[np.float32], NDArray[np.float32], NDArray[Any]]):
    """`n` meshes behind Gymnasium's vector API, with a new load and a slightly other mesh every episode.

    Spaces, reward and episodes are those of `marskit.env.mesh_env.MeshEnv`, which documents them. Episodes
    end by truncation and begin anew in the same step; the last observation is in `info["final_obs"]`.
    """

    def __init__(
        self,
        model: TwinModel,
        goals: Goals,
        n: int,
        *,
        settings: EnvSettings | None = None,
        threads: int = 1,
        seed: int = 0,
    ) -> None:
        self.settings = settings or EnvSettings()
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.num_envs = n
        tick_s = self.settings.period_s / TICKS
        self.fluid = Fluid(model, goals, n, tick_s=tick_s)
        self.encoding = encoding(
            model, self.settings.limits, period_scenario_s=self.settings.period_s * self.settings.speed
        )
        size, actions = self.encoding.observation_size, self.encoding.action_size
        self.single_observation_space = gym.spaces.Box(-1.0, 2.0, (size,), np.float32)
        self.single_action_space = gym.spaces.Box(-1.0, 1.0, (actions,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, n)
        self.action_space = batch_space(self.single_action_space, n)
        self.capacity_per_s = _capacity_per_s(model)
        self.prices = _prices(goals, self.capacity_per_s, self.settings.breach_price, self.settings.steepness)
        self._threads = ThreadPoolExecutor(threads) if threads > 1 else None
        self._chunks = [(n * k // threads, n * (k + 1) // threads) for k in range(threads)]
        self._beginning = Beginning(
            nominal=arrays.parameters(model, 1),
            replicas=np.array([s.replicas for s in model.stations], np.int64),
            weights=arrays.weights(model),
            spread=self.settings.spread,
            lowest=0.1 * self.capacity_per_s,
            highest=2.4 * self.capacity_per_s,
            period_s=self.settings.period_s,
            draws=True,
        )
        stations, periods = len(model.stations), self.settings.periods
        self.run = Run(
            rates=np.zeros((2 * periods, n)),
            ready=np.zeros((stations, n), np.int64),
            since=np.zeros((stations, n), np.int64),
            late=np.zeros(n),
            raw=np.zeros((self.encoding.raw_size, n)),
            last=np.zeros((stations + 4, n)),
            noise=np.ones(n, np.uint64),
            terms=np.zeros((len(TERMS), n)),
            actions=np.zeros(n, np.int64),
            reward=np.zeros(n),
            observation=np.zeros((n, size), np.float32),
        )
        fluid = self.fluid
        self._everything = packed(
            Everything(
                fluid.structure,
                fluid.parameters,
                self.encoding.codes,
                self.prices,
                fluid.state,
                fluid.desired,
                fluid.weights,
                fluid.flow,
                self.run,
            )
        )
        self.period = 0
        self._seed(seed)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin new episodes everywhere.

        Args:
            seed: Of all randomness from now on.
            options: `rates`, a (2 periods, n) array in place of random loads: requests per second at the
                beginning and at the end of every period.
        """
        if isinstance(seed, list):
            seed = seed[0]
        if seed is not None:
            self._seed(seed)
        self._begin((options or {}).get("rates"))
        return self.run.observation.copy(), {}

    def step(
        self, actions: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """One control period in every mesh."""
        actions = np.ascontiguousarray(actions, np.float32)
        self._everywhere(lambda first, last: self._advance(actions, first, last))
        self.fluid.tick += TICKS
        self.period += 1
        reward, info = self.run.reward.copy(), {}
        terminated, truncated = np.zeros(self.num_envs, bool), np.zeros(self.num_envs, bool)
        if self.period == self.settings.periods:
            # All began together, so all end together.
            truncated[:] = True
            info = {"final_obs": self.run.observation.copy(), "_final_obs": truncated.copy()}
            self._begin(None)
        return self.run.observation.copy(), reward, terminated, truncated, info

    def close_extras(self, **kwargs: Any) -> None:
        """End the threads."""
        if self._threads is not None:
            self._threads.shutdown()

    def _advance(self, actions: NDArray[np.float32], first: int, last: int) -> None:
        fluid = self.fluid
        step(self._everything, actions, self.period, fluid.tick, TICKS, fluid.tick_s, first, last)

    def _seed(self, seed: int) -> None:
        # Never 0, which xorshift would not leave.
        self.run.noise[:] = np.random.default_rng(seed).integers(1, 2**63, self.num_envs).astype(np.uint64)

    def _begin(self, rates: Floats | None) -> None:
        """Put all meshes at the beginning of a new episode, with these loads or with random ones."""
        beginning = self._beginning
        if rates is not None:
            self.run.rates[:] = rates
            beginning = beginning._replace(draws=False)
        self._everywhere(lambda first, last: begin(self._everything, beginning, first, last))
        self.period = 0

    def _everywhere(self, work: Callable[[int, int], None]) -> None:
        """Do the work for all meshes, from the first to the one behind the last, on all threads."""
        if self._threads is None:
            work(0, self.num_envs)
        else:
            list(self._threads.map(lambda chunk: work(*chunk), self._chunks))


def _capacity_per_s(model: TwinModel) -> float:
    """The load that the replicas of the beginning carry at 70 %."""
    visits = model.visits()
    loads = [
        0.7 * s.replicas * s.capacity_per_s / visits[s.workload] for s in model.stations if visits[s.workload]
    ]
    return min(loads)


def _prices(goals: Goals, capacity_per_s: float, breach: float, steepness: float) -> Prices:
    allowed: Sequence[float] = [1.0 - slo.quantile for slo in goals.slos]
    return Prices(
        replica=goals.replica_cost_per_s,
        action=goals.action_cost,
        breach=breach * capacity_per_s,
        allowed=min(allowed, default=0.05),
        failing=min((1.0 - slo.availability_percent / 100.0 for slo in goals.slos), default=0.01),
        steepness=steepness,
        scale=capacity_per_s,
    )
