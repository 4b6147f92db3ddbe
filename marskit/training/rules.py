"""The rules that learners are compared with, for many meshes at once: by demand, and the HPA."""

from collections import deque
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from marskit.env.encoding import (
    BUSY,
    DIRECT,
    HIGHEST_TARGET,
    LOWEST_TARGET,
    PER_RAW,
    READY,
    STATIONS,
)
from marskit.env.vector import MeshVectorEnv
from marskit.mesh.simulator.arrays import Floats, Whole

Actions = NDArray[np.float32]


class VectorRule(Protocol):
    """Acts in all meshes of an environment."""

    def __call__(self, env: MeshVectorEnv, observation: NDArray[np.float32]) -> Actions:
        """(N, A) actions for (N, O) observations."""
        ...


class DemandRule:
    """One target utilisation for every workload, always."""

    def __init__(self, target: float) -> None:
        self.target = target

    def __call__(self, env: MeshVectorEnv, observation: NDArray[np.float32]) -> Actions:
        """The same action everywhere; weights stay as they are."""
        actions = _unmoved(env)
        actions[:, : len(env.encoding.model.stations)] = as_action(self.target)
        return actions


class HpaRule:
    """The HorizontalPodAutoscaler on utilisation, like `marskit.agents.hpa`."""

    def __init__(self, target: float, stabilisation_s: float, *, tolerance: float = 0.1) -> None:
        self.target = target
        self.tolerance = tolerance
        self.stabilisation_s = stabilisation_s
        self._recent: deque[Floats] = deque()

    def __call__(self, env: MeshVectorEnv, observation: NDArray[np.float32]) -> Actions:
        """The replicas that the autoscaler would set."""
        raw, desired = env.run.raw, env.fluid.desired
        wanted = self._recommended(raw[STATIONS + READY :: PER_RAW], raw[STATIONS + BUSY :: PER_RAW], desired)
        codes = env.encoding.codes
        wanted = np.clip(wanted, codes.least[:, None], codes.most[:, None])
        window = max(1, round(self.stabilisation_s / (env.settings.period_s * env.settings.speed)))
        if env.period == 0:
            # The initial size counts as recommended.
            self._recent = deque([desired.astype(np.float64)])
        self._recent.append(wanted)
        while len(self._recent) > window:
            self._recent.popleft()
        highest = np.max(list(self._recent), axis=0)
        # A rise that the shield cut short goes on, as in `marskit.agents.hpa_behaviour`.
        wanted = np.where(wanted < desired, highest, wanted)
        actions = _unmoved(env)
        # Target utilisations would be bounded by the load at the gateway, which the autoscaler does not know.
        actions[:, : len(wanted)] = (DIRECT + wanted).T
        return actions

    def _recommended(self, ready: Floats, busy: Floats, desired: Whole) -> Floats:
        """As `marskit.agents.hpa_replicas.propose`, for all at once; without metrics, nothing changes."""
        target_percent = round(100.0 * self.target, 9)
        total = busy * ready
        usage = _whole_percents(total, ready)
        rises = (desired > ready) & (usage > target_percent)
        counted = np.where(rises, desired, ready)
        usage = np.where(rises, _whole_percents(total, counted), usage)
        ratio = usage / target_percent
        keeps = np.abs(1.0 - ratio) <= self.tolerance
        # Those that start will be enough.
        keeps |= rises & (usage < target_percent)
        return np.where(keeps | (ready == 0), desired, np.ceil(ratio * counted))


def _whole_percents(busy: Floats, replicas: Floats) -> Floats:
    return np.asarray(np.floor(100.0 * busy / np.maximum(replicas, 1.0) + 1e-9))


def as_action(target: float | Floats) -> Floats:
    """The action closest to a target utilisation."""
    share = (np.asarray(target, np.float64) - LOWEST_TARGET) / (HIGHEST_TARGET - LOWEST_TARGET)
    return np.asarray(np.clip(2.0 * share - 1.0, -1.0, 1.0))


def _unmoved(env: MeshVectorEnv) -> Actions:
    """Actions that leave all weights as they are."""
    codes, stations = env.encoding.codes, len(env.encoding.model.stations)
    actions = np.zeros((env.num_envs, env.encoding.action_size), np.float32)
    actions[:, -1] = -1.0
    for n, k in enumerate(codes.shifted):
        actions[:, stations + n] = 2.0 * env.fluid.weights[codes.edge_from[k]] - 1.0
    return actions
