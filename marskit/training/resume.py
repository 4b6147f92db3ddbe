"""Continuing from a policy: its file holds only the actor's weights, so the rest is learned first.

An untrained critic would drive the actor away from its policy. So the actor stays unchanged at first: SAC's
critic learns from the buffer alone, PPO's value function from the actor's behaviour.
"""

from collections.abc import Sequence
from math import log

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.utils import polyak_update
from torch.nn.functional import mse_loss

from marskit.agents.policy_file import Policy
from marskit.env.vector import MeshVectorEnv
from marskit.training.clone import FIRST_LOG_STD, prefill
from marskit.training.rules import Actions, VectorRule

CRITIC_STEPS = 2000
"""Gradient steps of SAC's critic before its actor learns."""
VALUE_UPDATES = 5
"""Updates of PPO's value function, with all their epochs, before its actor learns."""
FIRST_ENTROPY_PRICE = 0.02
"""SAC's first entropy coefficient; its own default of 1 would randomise the actor."""


def acting(policy: Policy) -> VectorRule:
    """The policy as a rule for many meshes at once."""

    def act(env: MeshVectorEnv, observation: NDArray[np.float32]) -> Actions:
        return policy.act_all(observation)

    return act


def take_over(modules: Sequence[torch.nn.Linear], policy: Policy) -> None:
    """Copy a policy's weights into the layers of an actor."""
    with torch.no_grad():
        for module, (weight, bias) in zip(modules, policy.layers, strict=True):
            module.weight.copy_(torch.as_tensor(weight))
            module.bias.copy_(torch.as_tensor(bias))


def go_on(learner: BaseAlgorithm, env: MeshVectorEnv, policy: Policy, *, seed: int) -> None:
    """Prepare a learner whose actor has the policy's weights for further training."""
    if isinstance(learner, SAC):
        prefill(learner, env, acting(policy), seed)
        spread = learner.actor.log_std
        assert isinstance(spread, torch.nn.Linear)
        assert learner.log_ent_coef is not None
        with torch.no_grad():
            spread.weight.zero_()
            spread.bias.fill_(FIRST_LOG_STD)
            learner.log_ent_coef.fill_(log(FIRST_ENTROPY_PRICE))
        learn_critic(learner, CRITIC_STEPS)
    else:
        assert isinstance(learner, PPO)
        _learn_value(learner, VALUE_UPDATES)


def learn_critic(learner: SAC, steps: int) -> None:
    """Let the critic learn from the buffer how good the actor's behaviour is, with the actor unchanged."""
    buffer = learner.replay_buffer
    assert buffer is not None
    assert learner.log_ent_coef is not None
    price = learner.log_ent_coef.exp().detach()
    for _ in range(steps):
        data = buffer.sample(learner.batch_size)
        with torch.no_grad():
            following, log_probability = learner.actor.action_log_prob(data.next_observations)
            values = torch.cat(learner.critic_target(data.next_observations, following), dim=1)
            value = values.min(dim=1, keepdim=True).values - price * log_probability.reshape(-1, 1)
            wanted = data.rewards + (1 - data.dones) * learner.gamma * value
        found = learner.critic(data.observations, data.actions)
        loss = 0.5 * torch.stack([mse_loss(each, wanted) for each in found]).sum()
        learner.critic.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch leaves it without types
        learner.critic.optimizer.step()
        polyak_update(learner.critic.parameters(), learner.critic_target.parameters(), learner.tau)


def _learn_value(learner: PPO, updates: int) -> None:
    policy = learner.policy
    resting = [*policy.mlp_extractor.policy_net.parameters(), *policy.action_net.parameters()]
    resting.append(policy.log_std)
    for parameter in resting:
        parameter.requires_grad_(False)
    learner.learn(updates * learner.n_steps * learner.n_envs)
    for parameter in resting:
        parameter.requires_grad_(True)
