"""A start for SAC: the experience of a rule, and an actor that imitates it.

A random actor makes most replicas useless most of the time, and the critic has to learn that before it can
learn anything about planning; starting from a sensible rule, every gradient is about the actual problem.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import SAC

from marskit.env.vector import MeshVectorEnv
from marskit.training.recorded import Transitions
from marskit.training.rules import VectorRule

NOISE = 0.15
"""Standard deviation of the noise on the rule's actions, which shows the critic their neighbourhood."""
PERIODS = 150
FIRST_LOG_STD = -2.0
"""Logarithm of the actor's exploration noise, before squashing."""


def prefill(
    learner: SAC, env: MeshVectorEnv, rule: VectorRule, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fill the replay buffer with the noisy rule; the observations and the rule's actions without noise."""
    rng = np.random.default_rng(seed)
    assert learner.replay_buffer is not None
    seen, wanted = [], []
    observation, _ = env.reset(seed=seed)
    for _ in range(PERIODS):
        action = rule(env, observation)
        noisy = np.clip(action + rng.normal(0.0, NOISE, action.shape), -1.0, 1.0).astype(np.float32)
        following, reward, _, ended, info = env.step(noisy)
        last = info["final_obs"] if ended.any() else following
        infos = [{"TimeLimit.truncated": bool(end)} for end in ended]
        learner.replay_buffer.add(observation, last, noisy, reward, ended, infos)
        seen.append(observation)
        wanted.append(action)
        observation = following
    return np.concatenate(seen), np.concatenate(wanted)


def remember(learner: SAC, experience: Transitions) -> None:
    """Add recorded steps to the replay buffer, which takes one per mesh at a time."""
    buffer = learner.replay_buffer
    assert buffer is not None
    count, at_once = len(experience.rewards), learner.n_envs
    # The last batch is filled up from the beginning.
    for rows in np.resize(np.arange(count), (-(-count // at_once), at_once)):
        buffer.add(
            experience.observations[rows],
            experience.following[rows],
            experience.actions[rows],
            experience.rewards[rows],
            np.zeros(at_once, bool),
            [{} for _ in rows],
        )


def imitate(
    learner: SAC, observations: NDArray[np.float32], actions: NDArray[np.float32], steps: int, seed: int
) -> None:
    """Regress the actor's mean onto the actions, and reduce its exploration noise."""
    rng = np.random.default_rng(seed)
    actor = learner.actor
    optimizer = torch.optim.Adam(actor.parameters(), lr=1e-3)
    seen, wanted = torch.as_tensor(observations), torch.as_tensor(np.clip(actions, -0.97, 0.97))
    for _ in range(steps):
        batch = torch.as_tensor(rng.integers(0, len(seen), 512))
        mean, log_std, _ = actor.get_action_dist_params(seen[batch])
        loss = ((torch.tanh(mean) - wanted[batch]) ** 2).mean() + 0.1 * (
            (log_std - FIRST_LOG_STD) ** 2
        ).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch leaves it without types
        optimizer.step()
