"""Figures of a run that exercises are judged by."""

from collections.abc import Sequence

from marskit.domain.records import Cycle


def violations(cycles: Sequence[Cycle]) -> int:
    """The number of cycles with an SLO violation."""
    return sum(cycle.diagnosis.slo_met is False for cycle in cycles)


def replica_cycles(cycles: Sequence[Cycle]) -> int:
    """The replicas of all workloads, added up over the cycles."""
    return sum(each.replicas_desired for cycle in cycles for each in cycle.observation.workloads)


def failure(cycles: Sequence[Cycle]) -> str | None:
    """What the planner did instead of deciding, in the first cycle in which it failed."""
    return next((cycle.plan.failure for cycle in cycles if cycle.plan.failure is not None), None)
