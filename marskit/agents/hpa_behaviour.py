"""How fast the HorizontalPodAutoscaler may scale: stabilisation windows and scaling policies."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil

from marskit.domain.topology import Workload

# Times are sums of real seconds times the speed: a scaling exactly one period old must count as over.
_EPSILON_S = 1e-6
# The grid for tuning an autoscaler: targets, and scale-down stabilisation in scenario seconds.
TARGETS_PERCENT = (50, 55, 60, 65, 70, 75, 80)
WINDOWS_S = (0, 60, 300)
KUBERNETES_TARGET_PERCENT = 80
"""Kubernetes' default; ours is that of `Behaviour`."""


class PolicyType(StrEnum):
    """What a policy's value counts."""

    PODS = "Pods"
    PERCENT = "Percent"


class SelectPolicy(StrEnum):
    """Which of several policies applies: the largest change, the smallest, or no scaling at all."""

    MAX = "Max"
    MIN = "Min"
    DISABLED = "Disabled"


@dataclass(frozen=True, slots=True)
class Policy:
    """The largest change within any period of that length."""

    type: PolicyType
    value: int
    period_s: float = 15.0


@dataclass(frozen=True, slots=True)
class ScalingRules:
    """The rules of one direction, as in `spec.behavior.scaleUp` and `scaleDown`."""

    policies: tuple[Policy, ...]
    select: SelectPolicy = SelectPolicy.MAX
    stabilisation_s: float = 0.0


SCALE_UP = ScalingRules((Policy(PolicyType.PODS, 4), Policy(PolicyType.PERCENT, 100)))
SCALE_DOWN = ScalingRules((Policy(PolicyType.PERCENT, 100),), stabilisation_s=300.0)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Kubernetes' default behaviour with a target of 70 %, in scenario seconds.

    Kubernetes' own default target is 80 %. "Default behavior" of the documentation: up without stabilisation
    by the larger of 4 pods and 100 % per 15 s, down to the highest recommendation of the last 300 s.
    """

    target_percent: int = 70
    tolerance: float = 0.1
    sync_period_s: float = 15.0
    scale_up: ScalingRules = SCALE_UP
    scale_down: ScalingRules = SCALE_DOWN

    @property
    def longest_period_s(self) -> float:
        """The longest period of all policies, in scenario seconds."""
        return max(policy.period_s for rules in (self.scale_up, self.scale_down) for policy in rules.policies)


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
        self._scalings = _within(self._scalings, now_s, behaviour.longest_period_s)
        stable = self._stabilise(desired, current, now_s, behaviour)
        if stable > current:
            limit = self._limit(current, now_s, behaviour.scale_up, 1)
            return min(stable, workload.max_replicas, max(current, limit))
        if stable < current:
            limit = self._limit(current, now_s, behaviour.scale_down, -1)
            return max(stable, workload.min_replicas, min(current, limit))
        return current

    def _stabilise(self, desired: int, current: int, now_s: float, behaviour: Behaviour) -> int:
        """Up to the lowest recommendation of its window, or down to the highest one of its own.

        A rise that the policies cut short goes on while the recommendation is in the window, even if less
        than the present size is desired now. So does the controller for an autoscaler without `behavior`.
        """
        up_s, down_s = behaviour.scale_up.stabilisation_s, behaviour.scale_down.stabilisation_s
        self._recommendations = _within(self._recommendations, now_s, max(up_s, down_s))
        earlier = self._recommendations
        self._recommendations = [*earlier, (now_s, desired)]
        if desired < current:
            return max([desired, *(n for _, n in _within(earlier, now_s, down_s))])
        return max(current, min([desired, *(n for _, n in _within(earlier, now_s, up_s))]))

    def _limit(self, current: int, now_s: float, rules: ScalingRules, direction: int) -> int:
        """The number of replicas that the policies of a direction (1 up, -1 down) allow."""
        if rules.select is SelectPolicy.DISABLED:
            return current
        limits = [self._allowed(current, now_s, policy, direction) for policy in rules.policies]
        return max(limits) if (rules.select is SelectPolicy.MAX) == (direction > 0) else min(limits)

    def _allowed(self, current: int, now_s: float, policy: Policy, direction: int) -> int:
        """What one policy allows, counted from the replicas at the beginning of its period."""
        start = current - sum(added for _, added in _within(self._scalings, now_s, policy.period_s))
        if policy.type is PolicyType.PODS:
            return start + direction * policy.value
        exact = start * (1 + direction * policy.value / 100)
        return ceil(exact) if direction > 0 else int(exact)


def _within(dated: Iterable[tuple[float, int]], now_s: float, window_s: float) -> list[tuple[float, int]]:
    """Those of the last `window_s` seconds."""
    return [(at_s, n) for at_s, n in dated if now_s - at_s < window_s - _EPSILON_S]
