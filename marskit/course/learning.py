"""The exercises of notebook 06: reinforcement learning."""

from functools import cache
from pathlib import Path

from marskit.course.exercise import Exercise
from marskit.course.figures import failure, violations
from marskit.course.judging import CheckError, Decider, Number, Several
from marskit.course.runs import SEED, decided, recorded
from marskit.plugins.base import Planner
from marskit.training.child import missing

LOADS = ("spike", "ramp", "diurnal", "flash-crowd")
TARGETS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_CYCLES = 20
_LOWEST, _HIGHEST = 0.3, 1.0
"""The target utilisations that -1 and 1 stand for in an action."""


@cache
def total_reward(scenario: str, target: float) -> float:
    """The reward of an episode in which every workload always has the same target utilisation.

    Raises:
        CheckError: The extra `rl` is not installed.
    """
    if (sentence := missing()) is not None:
        raise CheckError(sentence)
    import gymnasium
    import numpy as np

    env = gymnasium.make("marskit.env.registration:marskit/Mesh-v0")
    _, info = env.reset(seed=SEED, options={"scenario": scenario})
    action = np.zeros(env.action_space.shape or (), np.float32)
    action[: len(info["replicas"])] = 2 * (target - _LOWEST) / (_HIGHEST - _LOWEST) - 1
    action[-1] = -1.0
    total, is_over = 0.0, False
    while not is_over:
        _, reward, _, is_over, _ = env.step(action)
        total += float(reward)
    return total


def _best_target() -> float:
    return max(TARGETS, key=lambda target: total_reward("spike", target))


def _prefer_fewer_replicas() -> list[str]:
    return [load for load in LOADS if total_reward(load, 0.7) > total_reward(load, 0.5)]


def _learned(policy: str | type[Planner]) -> str | None:
    if not isinstance(policy, str) or Path(policy).suffix != ".npz":
        return f"{policy} is not a policy file, such as my_policy.npz."
    static = violations(recorded("static", "spike", SEED + 1, _CYCLES))
    mine = decided(policy, "spike", SEED + 1, _CYCLES)
    if (sentence := failure(mine)) is not None:
        return sentence
    if 2 * violations(mine) < static:
        return None
    return f"With seed {SEED + 1}, SLOs were violated in {violations(mine)} cycles; with static in {static}."


LEARNING = {
    "06.1": Exercise(
        Number(_best_target, "a share of 1"),
        "Play one episode for each target, with the seed of the text, and take the one with the highest sum.",
        "An episode",
        "Room to spare costs replicas and pays when the load jumps; the reward weighs one against the other.",
    ),
    "06.2": Exercise(
        Several(_prefer_fewer_replicas, "names of scenarios", str),
        "Play both targets on each of the four scenarios, and compare the two sums of each.",
        "No constant is best",
        "What is best depends on the load; that is what a policy that looks at it can gain.",
    ),
    "06.3": Exercise(
        Decider(_learned),
        "Give the file that training has written: training.policy, once training.wait() has returned.",
        "Training",
        "What was learned on the fast engine works on the other one, which simulates every single request.",
    ),
}
"""The exercises by number."""
