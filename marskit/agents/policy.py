"""Learned planners: a policy from a file, run without the library that trained it."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from marskit import text
from marskit.agents.policy_file import SHIPPED, Policy, check_fits, load_policy
from marskit.agents.situation import Observer, Situation, scalings, shift
from marskit.domain.actions import Action
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.plan import Candidate, Plan
from marskit.env.encoding import (
    HIGHEST_TARGET,
    LOWEST_TARGET,
    RATE,
    Encoding,
    demand,
    encode,
    encoding,
    ready_for,
    renewed,
    wanted_replicas,
    wanted_share,
)
from marskit.mapek.plan.shield_rules import ShieldLimits
from marskit.mesh.simulator.model import TwinModel
from marskit.planning import PlanningView

MENTIONED = 3
"""Number of most influential inputs to name."""
NAMES = {"ppo": "Proximal Policy Optimization", "sac": "Soft Actor-Critic"}


def learned(algorithm: str, model: TwinModel, *, period_s: float, speed: float) -> "Learned":
    """The shipped policy of that algorithm.

    Raises:
        PolicyError: The policy is damaged, or belongs to another mesh.
    """
    return from_file(SHIPPED / f"demo-{algorithm}.npz", algorithm, model, period_s=period_s, speed=speed)


def from_file(path: Path, name: str, model: TwinModel, *, period_s: float, speed: float) -> "Learned":
    """The policy in a file, as a planner of that name.

    Raises:
        PolicyError: The file cannot be read, is damaged, or belongs to another mesh.
    """
    policy = load_policy(path)
    codes = encoding(model, ShieldLimits(), period_scenario_s=period_s * speed)
    check_fits(policy, codes, path)
    return Learned(policy, codes, name=name, period_s=period_s)


class Learned:
    """Runs a trained policy, which sets target utilisations for workloads and weights for splits."""

    def __init__(self, policy: Policy, codes: Encoding, *, period_s: float, name: str | None = None) -> None:
        self.name = name or policy.algorithm
        self.summary = (
            f"{NAMES[policy.algorithm]}, trained in the calibrated twin: sets a target utilisation for every "
            "workload, and traffic weights."
        )
        self._policy = policy
        self._encoding = codes
        self._observer = Observer(codes, period_s=period_s)

    def reset(self, seed: int) -> None:
        """Forget earlier loads; the seed is unused, because the policy is deterministic."""
        self._observer.reset()

    def renew(self, model: TwinModel) -> None:
        """Continue with new parameters of the same mesh; the observed loads stay."""
        self._encoding = renewed(self._encoding, model)

    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Plan:
        """The policy's output, as scalings and shifts."""
        situation = self._observer.see(view)
        seen = self._encode(situation)
        action = self._policy.act(seen)
        actions = self._decode(action, situation, view)
        reason = self._reason(action, situation) + self._why(seen, action)
        return Plan(self.name, (Candidate(actions, reason),), actions, reason)

    def _encode(self, situation: Situation) -> NDArray[np.float32]:
        out = np.zeros((1, self._encoding.observation_size), np.float32)
        room = np.zeros(len(self._encoding.model.stations))
        encode(self._encoding.codes, situation.raw, situation.weights, 0, room, out)
        return np.asarray(out[0])

    def _decode(
        self, action: NDArray[np.float32], situation: Situation, view: PlanningView
    ) -> tuple[Action, ...]:
        codes, stations = self._encoding.codes, self._encoding.model.stations
        load = self._load(situation, action)
        replicas = np.array([wanted_replicas(codes, w, load[w], action[w]) for w in range(len(stations))])
        shifts = []
        for n, k in enumerate(codes.shifted):
            now = float(situation.weights[codes.edge_from[k], 0])
            share = wanted_share(float(action[len(stations) + n]), now)
            if abs(share - now) >= 0.005:
                shifts.append(shift(self._encoding, int(k), situation.weights, share))
        return (*shifts, *scalings(self._encoding, view, replicas))

    def _load(self, situation: Situation, action: NDArray[np.float32]) -> NDArray[np.float64]:
        load = np.zeros(len(self._encoding.model.stations))
        rate = ready_for(situation.raw, 0, float(action[-1]))
        demand(self._encoding.codes, rate, situation.weights, 0, load)
        return load

    def _reason(self, action: NDArray[np.float32], situation: Situation) -> str:
        targets = LOWEST_TARGET + 0.5 * (np.clip(action, -1, 1) + 1) * (HIGHEST_TARGET - LOWEST_TARGET)
        asked = ", ".join(
            f"{station.workload} {text.share(target)}"
            for station, target in zip(self._encoding.model.stations, targets, strict=False)
        )
        rate, ready = situation.raw[RATE, 0], ready_for(situation.raw, 0, float(action[-1]))
        return f"At {rate:.0f} requests per second, prepares for {ready:.0f}; target utilisation: {asked}."

    def _why(self, seen: NDArray[np.float32], action: NDArray[np.float32]) -> str:
        """The most influential inputs: those without which the action changes most (occlusion)."""
        moved = np.zeros(len(seen))
        for place in np.flatnonzero(seen):
            without = seen.copy()
            without[place] = 0.0
            moved[place] = np.abs(self._policy.act(without) - action).sum()
        most = [int(place) for place in np.argsort(-moved)[:MENTIONED] if moved[place] > 0]
        names = [self._encoding.observation_names[place] for place in most]
        return f" Most influential inputs: {'; '.join(names)}." if names else ""
