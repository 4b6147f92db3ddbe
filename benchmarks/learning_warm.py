"""A learner that chooses replicas, and what it can be given of recorded runs."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from stable_baselines3 import SAC

from marskit.domain.config import Configuration
from marskit.env.encoding import DIRECT, PER_STATION
from marskit.env.sb3 import Sb3VecEnv
from marskit.env.vector import MeshVectorEnv
from marskit.knowledge.read.runs import StoredRun
from marskit.training.clone import imitate, remember
from marskit.training.evaluate import Judge
from marskit.training.recorded import Transitions, transitions
from marskit.training.resume import CRITIC_STEPS, learn_critic
from marskit.training.rules import Actions, VectorRule


class ByReplicas(Sb3VecEnv):
    """Meshes whose actions say how many replicas there are to be, from the fewest (-1) to the most (1)."""

    def step_async(self, actions: Actions) -> None:
        """Take the actions of the next step."""
        super().step_async(direct(self.env, actions))


def direct(env: MeshVectorEnv, actions: Actions) -> Actions:
    """(N, A) actions of `ByReplicas` as the environment takes them."""
    codes = env.encoding.codes
    asked = actions.copy()
    shares = 0.5 * (actions[:, : len(codes.most)] + 1.0)
    asked[:, : len(codes.most)] = DIRECT + np.round(codes.least + shares * (codes.most - codes.least))
    asked[:, -1] = -1.0
    return asked


def recorded_steps(runs: Sequence[StoredRun], env: MeshVectorEnv, written: Configuration) -> Transitions:
    """The steps of recorded runs; the actions are the replicas that were executed."""
    found = transitions(runs, env.encoding, written, env.prices, period_s=env.settings.period_s)
    codes = env.encoding.codes
    # What an observation says first of every workload: replicas desired, of the most there may be.
    desired = found.following[:, : PER_STATION * len(codes.most) : PER_STATION] * codes.most
    actions = found.actions.copy()
    actions[:, : len(codes.most)] = 2.0 * (desired - codes.least) / (codes.most - codes.least) - 1.0
    return replace(found, actions=actions)


def imitate_best(
    sac: SAC, recorded: Sequence[Transitions], trial: Judge, *, clone_steps: int, seed: int
) -> None:
    """Let the actor imitate the planner that is best imitated, and rest, and the critic learn from all.

    Who that is is found out by trying: what a planner does by what it remembers cannot be told from what is
    seen.
    """
    first = {name: value.clone() for name, value in sac.actor.state_dict().items()}
    found = []
    for of_one in recorded:
        remember(sac, of_one)
        sac.actor.load_state_dict(first)
        imitate(sac, of_one.observations, of_one.actions, clone_steps, seed)
        weights = {name: value.clone() for name, value in sac.actor.state_dict().items()}
        found.append((trial.scores(acting(sac)).utility_per_s, weights))
    sac.actor.load_state_dict(max(found, key=lambda each: each[0])[1])
    learn_critic(sac, CRITIC_STEPS)
    for parameter in sac.actor.parameters():
        parameter.requires_grad_(False)


def acting(sac: SAC) -> VectorRule:
    """The actor as it is now, as a rule."""
    return lambda env, seen: direct(env, sac.predict(seen, deterministic=True)[0])
