"""One training, from the first step to the policy file; it runs in a child process."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.utils import FloatSchedule

from marskit.agents.policy_file import Layer, Policy, save_policy
from marskit.domain.goals import Goals
from marskit.domain.training import Evaluated, Ticked, Update
from marskit.env.sb3 import Sb3VecEnv
from marskit.env.vector import EnvSettings, MeshVectorEnv
from marskit.mesh.simulator.model import TwinModel
from marskit.training.clone import imitate, prefill, remember
from marskit.training.evaluate import Judge, Scores, at_equal_replicas, interval
from marskit.training.recorded import Transitions
from marskit.training.resume import go_on, take_over
from marskit.training.rules import DemandRule, as_action
from marskit.training.settings import TrainingSettings

FIRST_TARGET = 0.65
"""Target utilisation of the demand rule that training begins as."""
FIRST_HOLD = -0.8
"""Initial hold: a tenth of the way to the recent peak load; at the edge there is little to explore."""
PACKAGES = ("stable-baselines3", "torch", "gymnasium", "numpy")
"""Packages whose versions are recorded in the card."""
LAST_LEARNING_RATE = 0.05
"""Final learning rate as a share of the first."""
EVALUATIONS = 20
"""Number of evaluations in a training that is bounded by its steps."""
TICK_S = 0.5
"""Interval between progress reports, in seconds."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The end of a training: the first limit to be reached."""

    seconds: float
    steps: int | None = None


class Learner:
    """Trains one algorithm on one mesh."""

    def __init__(
        self,
        algorithm: str,
        model: TwinModel,
        goals: Goals,
        settings: TrainingSettings,
        *,
        seed: int,
        resume: Policy | None = None,
        recorded: Callable[[MeshVectorEnv], Transitions] | None = None,
    ) -> None:
        """Make the learner.

        Args:
            algorithm: `ppo` or `sac`.
            model: The mesh.
            goals: Goals of the mesh.
            settings: Settings of learner, environment and evaluation.
            seed: Seed of all randomness.
            resume: A policy whose weights the actor starts from.
            recorded: Returns the steps of recorded runs for an environment; for SAC only.
        """
        torch.set_num_threads(1)
        self.algorithm = algorithm
        self._settings = settings
        self._seed = seed
        self._environment = EnvSettings(**asdict(settings.environment))
        meshes = settings.ppo.meshes if algorithm == "ppo" else settings.sac.meshes
        env = MeshVectorEnv(model, goals, meshes, settings=self._environment, seed=seed)
        self.encoding = env.encoding
        self._experience = recorded(env) if recorded is not None else None
        self._env = Sb3VecEnv(env)
        self._env.seed(seed)
        self._judge = Judge(
            model,
            goals,
            self._environment,
            meshes=settings.evaluation.meshes,
            seed=settings.evaluation.seed,
        )
        self._hpa, self._demand = self._judge.hpa_front(), self._judge.demand_front()
        self.learner = self._ppo() if algorithm == "ppo" else self._sac()
        # The default logger makes a folder that nobody needs.
        self.learner.set_logger(Logger(folder=None, output_formats=[]))
        self._resume = resume
        if resume is not None:
            take_over(_actor(self.learner), resume)

    def train(self, budget: Budget, report: Callable[[Update], None], stopped: Callable[[], bool]) -> Policy:
        """Learn until the budget is spent or `stopped`; the best policy of all evaluations."""
        watch = _Watch(self, budget, report, stopped)
        watch.tick(0, 0.0)
        self.begin()
        watch.evaluate(0)
        steps = budget.steps if budget.steps is not None else 10**9
        self.learner.learn(steps, callback=watch)
        watch.evaluate(self.learner.num_timesteps)
        return Policy(self.algorithm, watch.best_layers, self.encoding.schema(), self._card(watch))

    def scores(self) -> Scores:
        """The scores of the present policy."""
        return self._judge.scores(lambda env, seen: self.learner.predict(seen, deterministic=True)[0])

    def beside(self, scores: Scores) -> tuple[float, float]:
        """Violations, in percent, of the tuned HPA and the tuned demand rule at equal replicas."""
        return at_equal_replicas(self._hpa, scores.replicas), at_equal_replicas(self._demand, scores.replicas)

    def _ppo(self) -> PPO:
        chosen = self._settings.ppo
        learner = PPO(
            "MlpPolicy",
            self._env,
            n_steps=chosen.steps_per_update,
            batch_size=chosen.batch,
            n_epochs=chosen.epochs,
            learning_rate=_falling(chosen.learning_rate),
            gamma=chosen.gamma,
            gae_lambda=chosen.gae_lambda,
            policy_kwargs={"net_arch": chosen.hidden, "log_std_init": chosen.log_std_init},
            seed=self._seed,
            device="cpu",
        )
        with torch.no_grad():
            # Begin as the demand rule: the output is its target whatever the input.
            output = learner.policy.action_net
            assert isinstance(output, torch.nn.Linear)
            output.weight.mul_(0.01)
            output.bias.copy_(torch.as_tensor(self._first_action()))
        return learner

    def _sac(self) -> SAC:
        chosen = self._settings.sac
        return SAC(
            "MlpPolicy",
            self._env,
            batch_size=chosen.batch,
            gradient_steps=chosen.gradient_steps,
            train_freq=1,
            learning_rate=_falling(chosen.learning_rate),
            gamma=chosen.gamma,
            tau=chosen.tau,
            buffer_size=chosen.buffer,
            target_entropy=chosen.target_entropy,
            learning_starts=0,
            policy_kwargs={"net_arch": chosen.hidden},
            seed=self._seed,
            device="cpu",
        )

    def begin(self) -> None:
        """Prepare the first step: continue from the resumed policy, or imitate the demand rule."""
        learner, env = self.learner, self._env.env
        if self._experience is not None and isinstance(learner, SAC):
            remember(learner, self._experience)
        if self._resume is not None:
            go_on(learner, env, self._resume, seed=self._seed)
        elif isinstance(learner, SAC):
            observations, actions = prefill(learner, env, DemandRule(FIRST_TARGET), self._seed)
            imitate(learner, observations, actions, self._settings.sac.clone_steps, self._seed)

    def _first_action(self) -> NDArray[np.float32]:
        action = np.zeros(self.encoding.action_size, np.float32)
        action[: len(self.encoding.model.stations)] = as_action(FIRST_TARGET)
        action[-1] = FIRST_HOLD
        return action

    def _card(self, watch: "_Watch") -> dict[str, Any]:
        scores = watch.best_scores
        hpa, demand = self.beside(scores)
        low, high = interval(scores.violated_by_mesh)
        return {
            "algorithm": self.algorithm,
            "seed": self._seed,
            "steps": self.learner.num_timesteps,
            "seconds": round(watch.elapsed_s(), 1),
            "recorded_steps": 0 if self._experience is None else len(self._experience.rewards),
            "settings": asdict(self._settings),
            "evaluation": {
                "violated_percent": round(scores.violated_percent, 3),
                "violated_percent_95": [round(low, 3), round(high, 3)],
                "replicas": round(scores.replicas, 3),
                "utility_per_s": round(scores.utility_per_s, 3),
                "tuned_hpa_violated_percent_at_equal_replicas": round(hpa, 3),
                "tuned_demand_violated_percent_at_equal_replicas": round(demand, 3),
            },
            "versions": {name: version(name) for name in PACKAGES},
        }


class _Watch(BaseCallback):
    """Evaluates regularly, keeps the best policy, lowers the learning rate, and ends the training in time."""

    def __init__(
        self,
        learner: Learner,
        budget: Budget,
        report: Callable[[Update], None],
        stopped: Callable[[], bool],
    ) -> None:
        super().__init__()
        self._learner = learner
        self._budget = budget
        self._report = report
        self._stopped = stopped
        self._started_s = time.monotonic()
        self._evaluated_s = 0.0
        self._next_steps = 0
        """Step of the next evaluation, if steps are counted."""
        self._ticked_s = 0.0
        self.best_layers: tuple[Layer, ...] = ()
        self.best_scores: Scores

    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started_s

    def evaluate(self, steps: int) -> None:
        """Score the policy, keep it if it is the best so far, and report."""
        scores = self._learner.scores()
        if not self.best_layers or scores.reward > self.best_scores.reward:
            self.best_layers, self.best_scores = layers_of(self._learner.learner), scores
        hpa, demand = self._learner.beside(scores)
        self._report(
            Evaluated(
                seconds=round(self.elapsed_s(), 1),
                steps=steps,
                violated_percent=scores.violated_percent,
                replicas=scores.replicas,
                utility_per_s=scores.utility_per_s,
                reward=scores.reward,
                best_reward=self.best_scores.reward,
                hpa_violated_percent=hpa,
                demand_violated_percent=demand,
            )
        )
        self._evaluated_s = self.elapsed_s()
        if self._budget.steps is not None:
            self._next_steps = steps + max(1, self._budget.steps // EVALUATIONS)

    def tick(self, steps: int, share: float) -> None:
        """Report progress."""
        self._ticked_s = self.elapsed_s()
        self._report(Ticked(round(self._ticked_s, 1), steps, round(min(1.0, share), 4)))

    def _on_step(self) -> bool:
        left = 1.0 - self.elapsed_s() / self._budget.seconds
        if self._budget.steps is not None:
            # A training that is bounded by its steps is reproducible to the bit, so time must not affect it.
            left = 1.0 - self.num_timesteps / self._budget.steps
            if self.num_timesteps >= self._next_steps:
                self.evaluate(self.num_timesteps)
        elif self.elapsed_s() - self._evaluated_s > self._learner._settings.evaluation.every_s:
            self.evaluate(self.num_timesteps)
        if self.elapsed_s() - self._ticked_s > TICK_S:
            self.tick(self.num_timesteps, 1.0 - left)
        self.model._current_progress_remaining = max(0.0, left)
        return not self._stopped() and self.elapsed_s() < self._budget.seconds


def layers_of(learner: BaseAlgorithm) -> tuple[Layer, ...]:
    """The actor's weights and biases, from the observation to the action."""
    return tuple(
        (
            module.weight.detach().numpy().astype(np.float32).copy(),
            module.bias.detach().numpy().astype(np.float32).copy(),
        )
        for module in _actor(learner)
    )


def _actor(learner: BaseAlgorithm) -> list[torch.nn.Linear]:
    """The layers that turn an observation into a deterministic action, in order."""
    if isinstance(learner, PPO):
        modules = [*learner.policy.mlp_extractor.policy_net, learner.policy.action_net]
    else:
        assert isinstance(learner, SAC)
        modules = [*learner.actor.latent_pi, learner.actor.mu]
    return [module for module in modules if isinstance(module, torch.nn.Linear)]


def _falling(learning_rate: float) -> FloatSchedule:
    return FloatSchedule(lambda left: learning_rate * max(LAST_LEARNING_RATE, left))


__all__ = ["Budget", "Learner", "layers_of", "save_policy"]
