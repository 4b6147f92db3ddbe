"""How fast the HorizontalPodAutoscaler may scale: stabilisation windows and scaling policies."""

from dataclasses import dataclass, field
from math import ceil

from marskit.domain.topology import Workload

# Times are sums of real seconds times the speed: a scaling exactly one period old must count as over.
_EPSILON_S = 1e-6
# The grid for tuning an autoscaler: targets, and scale-down stabilisation in scenario seconds.
TARGETS_PERCENT = (50, 55, 60, 65, 70, 75, 80)
WINDOWS_S = (0, 60, 300)
KUBERNETES_TARGET_PERCENT = 80
"""Kubernetes' default; ours is that of `Behaviour`."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Kubernetes' default behaviour with a target of 70 %, in scenario seconds.

    Kubernetes' own default target is 80 %. "Default behavior" of the documentation: up without stabilisation
    by the larger of 4 pods and 100 % per 15 s, down to the highest recommendation of the last 300 s.
    """

    target_percent: int = 70
    tolerance: float = 0.1
    sync_period_s: float = 15.0
    scale_up_pods: int = 4
    scale_up_percent: int = 100
    scale_up_period_s: float = 15.0
    scale_down_stabilisation_s: float = 300.0


@dataclass(slots=True)
class ScalingHistory:
    """Recommendations for one workload, and its actual scalings."""

    initial: int
    since_s: float
    _recommendations: list[tuple[float, int]] = field(init=False)
    _scalings: list[tuple[float, int]] = field(init=False, default_factory=list)
    """`(at_s, replicas added)`; negative for removals."""
    _proposed: tuple[float, int, int] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        # The initial size counts as recommended, so nothing is scaled down before a full window.
        self._recommendations = [(self.since_s, self.initial)]

    def propose(self, current: int, replicas: int, now_s: float) -> None:
        """Remember a proposal, which the shield, the mode or a person may still stop."""
        self._proposed = (now_s, current, replicas)

    def settle(self, current: int) -> None:
        """Count the last proposal as scaled as far as the workload followed it."""
        if self._proposed is not None:
            at_s, before, proposed = self._proposed
            if (current - before) * (proposed - before) > 0:
                self._scalings.append((at_s, current - before))
        self._proposed = None

    def normalise(
        self, desired: int, current: int, workload: Workload, now_s: float, behaviour: Behaviour
    ) -> int:
        """`desired` after stabilisation, scaling policies and the workload's bounds, in this order."""
        stable = self._stabilise(desired, current, now_s, behaviour.scale_down_stabilisation_s)
        if stable > current:
            return min(stable, workload.max_replicas, self._scale_up_limit(current, now_s, behaviour))
        return max(stable, workload.min_replicas)

    def _stabilise(self, desired: int, current: int, now_s: float, window_s: float) -> int:
        """Limit a scale-down to the highest recommendation of the window; scale-ups are not stabilised."""
        self._recommendations = [
            (at_s, replicas)
            for at_s, replicas in self._recommendations
            if now_s - at_s < window_s - _EPSILON_S
        ]
        highest = max([desired, *(replicas for _, replicas in self._recommendations)])
        self._recommendations.append((now_s, desired))
        return min(max(current, desired), highest)

    def _scale_up_limit(self, current: int, now_s: float, behaviour: Behaviour) -> int:
        """The allowed number of replicas, counted from those at the beginning of the period."""
        period_s = behaviour.scale_up_period_s
        self._scalings = [(at_s, n) for at_s, n in self._scalings if now_s - at_s < period_s - _EPSILON_S]
        start = current - sum(added for _, added in self._scalings)
        by_percent = ceil(start * (1 + behaviour.scale_up_percent / 100))
        return max(current, start + behaviour.scale_up_pods, by_percent)
