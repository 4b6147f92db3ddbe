"""Many meshes as one Gymnasium vector environment, computed side by side."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from marskit.domain.goals import Goals
from marskit.env.begin import Beginning, begin
from marskit.env.crew import Crew
from marskit.env.encoding import encoding
from marskit.env.step import TERMS, EpisodeState, Everything, Prices, step
from marskit.mapek.plan.shield_rules import ShieldLimits
from marskit.mesh.simulator import arrays
from marskit.mesh.simulator.arrays import Floats
from marskit.mesh.simulator.fluid import Fluid
from marskit.mesh.simulator.jit import entry
from marskit.mesh.simulator.kernel import BLOCK
from marskit.mesh.simulator.model import TwinModel
from marskit.mesh.simulator.packed import packed

TICKS = 10
"""Number of the twin's ticks in one control period."""
_JUMP = np.repeat([0.0, 1.0], TICKS // 2)
"""Shape of a load change: at the middle of a period, so that a sudden change stays sudden."""


@dataclass(frozen=True, slots=True)
class EnvSettings:
    """The settings of an environment, besides its mesh and its goals."""

    period_s: float = 2.0
    """Real seconds from one decision to the next."""
    speed: float = 7.5
    """Scenario seconds per real second, for the shield's cool-downs."""
    periods: int = 180
    """Control periods of an episode."""
    spread: float = 0.1
    """Relative range from which every episode's service times, hops and starts are drawn."""
    breach_price: float = 1.0
    """Cost of a period with an SLO violation, as a share of `scale`."""
    steepness: float = 4.0
    """Exponent with which that cost rises before the SLO is violated."""
    limits: ShieldLimits = field(default_factory=ShieldLimits)


class MeshVectorEnv(gym.vector.VectorEnv[NDArray[np.float32], NDArray[np.float32], NDArray[Any]]):
    """`n` meshes behind Gymnasium's vector API, with a new load and slightly different meshes every episode.

    Spaces, reward and episodes are those of `marskit.env.mesh_env.MeshEnv`, which documents them. Episodes
    end by truncation and restart in the same step; the last observation is in `info["final_obs"]`.
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
        self._crew = Crew(threads, n, BLOCK) if threads > 1 else None
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
        stations, periods, columns = len(model.stations), self.settings.periods, arrays.columns(n)
        whole = EpisodeState(
            rates=np.zeros((2 * periods, columns)),
            ready=np.zeros((stations, columns), np.int64),
            since=np.zeros((stations, columns), np.int64),
            late=np.zeros(n),
            raw=np.zeros((self.encoding.raw_size, columns)),
            last=np.zeros((stations + 4, columns)),
            noise=np.ones(n, np.uint64),
            terms=np.zeros((len(TERMS), columns)),
            actions=np.zeros(n, np.int64),
            reward=np.zeros(n),
            observation=np.zeros((n, size), np.float32),
        )
        self.run = arrays.first_columns(whole, n)._replace(observation=whole.observation)
        fluid = self.fluid
        self._everything = packed(
            Everything(fluid.structure, self.encoding.codes, self.prices, fluid.meshes, whole, _JUMP)
        )
        self._shape = (n, actions)
        nothing = np.zeros(self._shape, np.float32)
        self._step = entry(step, self._everything, nothing, 0, tick_s, 0, n)
        self.period = 0
        self._seed(seed)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin new episodes in all meshes.

        Args:
            seed: Seed of all later randomness.
            options: `rates`, a (2 periods, n) array instead of random loads: requests per second in the first
                and the second half of every period.
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
        """Simulate one control period in every mesh.

        Raises:
            ValueError: The number of actions is not that of the meshes.
        """
        actions = np.ascontiguousarray(actions, np.float32)
        # Compiled code would read beyond them.
        if actions.shape != self._shape:
            raise ValueError(f"actions: expected {self._shape} numbers, not {actions.shape}")
        is_over = self.advance(actions)
        run, info = self.run, {}
        reward = run.reward.copy()
        terminated, truncated = np.zeros(self.num_envs, bool), np.zeros(self.num_envs, bool)
        if is_over:
            # All began together, so all end together.
            truncated[:] = True
            info = {"final_obs": run.observation.copy(), "_final_obs": truncated.copy()}
            self._begin(None)
        return run.observation.copy(), reward, terminated, truncated, info

    def advance(self, actions: NDArray[np.float32]) -> bool:
        """Simulate one control period in every mesh, with results in `run`; returns whether it was the last.

        Args:
            actions: One for every mesh, contiguous; not checked here.
        """
        period, tick_s = self.period, self.fluid.tick_s
        if self._crew is None:
            self._step(self._everything, actions, period, tick_s, 0, self.num_envs)
        else:
            self._crew.run(
                lambda first, last: self._step(self._everything, actions, period, tick_s, first, last)
            )
        self.period = period + 1
        return self.period == self.settings.periods

    def close_extras(self, **kwargs: Any) -> None:
        """End the threads."""
        if self._crew is not None:
            self._crew.close()

    def _seed(self, seed: int) -> None:
        # Never 0, which xorshift could not leave.
        self.run.noise[:] = np.random.default_rng(seed).integers(1, 2**63, self.num_envs).astype(np.uint64)

    def _begin(self, rates: Floats | None) -> None:
        """Put all meshes at the beginning of a new episode, with these loads or with random ones."""
        beginning = self._beginning
        if rates is not None:
            self.run.rates[:] = rates
            beginning = beginning._replace(draws=False)
        if self._crew is None:
            begin(self._everything, beginning, 0, self.num_envs)
        else:
            self._crew.run(lambda first, last: begin(self._everything, beginning, first, last))
        self.period = 0


def _capacity_per_s(model: TwinModel) -> float:
    """The load that the initial replicas carry at 70 % utilisation."""
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
