"""One mesh as a Gymnasium environment."""

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from marskit.domain.goals import Goals
from marskit.env.loads import scenario_rates
from marskit.env.step import TERMS
from marskit.env.vector import EnvSettings, MeshVectorEnv
from marskit.load.scenario import load_scenario
from marskit.mesh.simulator.model import TwinModel


class MeshEnv(gym.Env[NDArray[np.float32], NDArray[np.float32]]):
    """Scale the workloads of a service mesh, and shift its traffic, under a changing load.

    ## Description

    A mesh of workloads behind a gateway, in the calibrated twin. Once a control period (2 s of the mesh's
    time, 15 scenario seconds in the demo) the agent gets what Monitor would observe over the last two periods
    and sets a target utilisation for every workload. A shield limits that to what is safe; the result is
    executed, and ten ticks of the twin pass. Like the loop, it waits for new replicas: if they take longer
    than a period, the next action is skipped. Observations vary like counts of single requests: slow ones
    occur in clusters, and a sample of a queue may find it empty or long.

    ## Action Space

    `Box(-1, 1, (W + S + 1,), float32)` for W workloads and S splits of traffic:

    | Num | Action | Min (-1) | Max (1) | Unit |
    | --- | --- | --- | --- | --- |
    | 0 to W - 1 | target utilisation of each workload | 0.3 | 1.0 | share of its workers |
    | W to W + S - 1 | weight of the first destination of each split | 0 | 100 | percent, in steps of 10 |
    | W + S | position between the load and its recent peak | 0 | 1 | |

    Replicas follow from it: `ceil(load / target)`, with the load at the gateway in busy replicas; the last
    number adds part of the way to the recent peak. A weight that would change by less than 10 stays as it is.

    ## Observation Space

    `Box(-1, 2, (6 W + 7 + S,), float32)`; `observation_names` has the names in order:

    | Num | Observation | Min | Max | Unit |
    | --- | --- | --- | --- | --- |
    | 6 w | replicas desired | 0 | 1 | of the maximum |
    | 6 w + 1 | replicas ready | 0 | 1 | of the maximum |
    | 6 w + 2 | utilisation | 0 | 1 | share of workers |
    | 6 w + 3 | requests waiting | 0 | 1 | four times the workers |
    | 6 w + 4 | replicas that the load keeps busy | 0 | 2 | of the maximum |
    | 6 w + 5 | replicas that the load keeps busy | 0 | 2 | of the ready ones |
    | 6 W | change of the load in the last period | -1 | 1 | share |
    | 6 W + 1 | change of the load in the period before | -1 | 1 | share |
    | 6 W + 2 | successes slower than the SLO | 0 | 1 | share |
    | 6 W + 3 | requests that failed | 0 | 1 | share |
    | 6 W + 4 | load | 0 | 1 | of its recent peak, which halves in a minute |
    | 6 W + 5 | load | 0 | 1 | of its recent peak, which halves in six minutes |
    | 6 W + 6 | load | 0 | 2 | of its mean of the last minutes |
    | 6 W + 7 + s | weight of the first destination of split s | 0 | 1 | share |

    ## Rewards

    Utility of the period in requests per second, as a share of what the mesh carries at 70 %: requests served
    within the SLO, less slow and failed ones, the cost of replicas and of changes, and a penalty that grows
    steeply as the SLO limit comes near, over the same two periods in which violations are counted, and is
    constant once the SLO is violated. `info["terms"]` has every term by name.

    ## Starting State

    The replicas of the manifests, all ready and idle. Every episode has another load (a steady one, a ramp, a
    day, a spike, a flash crowd, bursts or unannounced levels, all random) and slightly different service
    times, hops and start times.

    ## Episode End

    Never by termination; truncation after `settings.periods` periods.

    ## Arguments

    `reset(options={"scenario": NAME_OR_FILE, "factor": 1.0})` plays a scenario's curve, and then holds its
    last rate, instead of a random load.

    ## Version History

    * v0: the first; since encoding 2 with a memory of the load, and actions that take time.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 # as Gymnasium declares it

    def __init__(
        self,
        model: TwinModel | None = None,
        goals: Goals | None = None,
        *,
        settings: EnvSettings | None = None,
        render_mode: str | None = None,
    ) -> None:
        """Make the environment.

        Args:
            model: The mesh; by default the calibrated demo.
            goals: Its SLOs and prices; by default the demo's.
            settings: Periods, randomisation and prices.
            render_mode: Only None: use the terminal UI to watch a mesh.
        """
        if model is None or goals is None:
            model, goals = demo()
        self.render_mode = render_mode
        self._vector = MeshVectorEnv(model, goals, 1, settings=settings)
        self._workloads = [station.workload for station in model.stations]
        run = self._vector.run
        self._seen = (run.terms[:, 0], self._vector.fluid.desired[:, 0], run.actions)
        self._observation = run.observation[0]
        self._actions = np.zeros((1, self._vector.encoding.action_size), np.float32)
        self._is_over = False
        self.observation_space = self._vector.single_observation_space
        self.action_space = self._vector.single_action_space

    @property
    def observation_names(self) -> tuple[str, ...]:
        """The meaning of every number of an observation."""
        return self._vector.encoding.observation_names

    @property
    def action_names(self) -> tuple[str, ...]:
        """The meaning of every number of an action."""
        return self._vector.encoding.action_names

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode; see the class for `options`.

        Raises:
            ScenarioError: The scenario does not exist.
        """
        super().reset(seed=seed)
        rates = None
        if options and "scenario" in options:
            settings = self._vector.settings
            scenario = load_scenario(options["scenario"])
            factor = float(options.get("factor", 1.0))
            rates = scenario_rates(scenario, settings.periods, settings.period_s, factor)[:, None]
        chosen = {"rates": rates} if rates is not None else None
        observation, _ = self._vector.reset(seed=seed, options=chosen)
        run = self._vector.run
        run.terms[:], run.actions[:] = 0.0, 0
        self._is_over = False
        return observation[0], self._info()

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Simulate one control period."""
        if self._is_over:
            self.reset()
        self._actions[0] = action
        self._is_over = is_over = self._vector.advance(self._actions)
        return self._observation.copy(), self._vector.run.reward.item(), False, is_over, self._info()

    def close(self) -> None:
        """Release the environment's resources."""
        self._vector.close()

    def _info(self) -> dict[str, Any]:
        terms, replicas, executed = self._seen
        return {
            # Comparing their lengths would take as long as a tick of the twin.
            "terms": dict(zip(TERMS, terms.tolist())),  # noqa: B905
            "replicas": dict(zip(self._workloads, replicas.tolist())),  # noqa: B905
            "actions_executed": executed.item(),
        }


def demo() -> tuple[TwinModel, Goals]:
    """The calibrated demo mesh and its goals."""
    from marskit.demo import DEMO_MANIFESTS
    from marskit.mesh.manifests.graph import goals
    from marskit.mesh.manifests.load import load_mesh
    from marskit.mesh.simulator.card_file import demo_card
    from marskit.mesh.simulator.compile import twin_model

    config = load_mesh(DEMO_MANIFESTS)
    return twin_model(config, demo_card()), goals(config)


def make_vector(num_envs: int = 1, **options: Any) -> MeshVectorEnv:
    """The native vector environment, for `gymnasium.make_vec`."""
    return MeshVectorEnv(*demo(), num_envs, **options)
