"""The summary of a comparison: each planner's headline figures with intervals, and the Pareto front."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from marskit.compare.jobs import Measured
from marskit.statistics import Estimate, Values, estimate, mean_difference, pareto_front

BASELINE = "hpa"
"""The planner that differences refer to, if it takes part; else the first one."""

BOUND = "oracle"

FEW = 5
"""Number of runs below which bootstrap intervals are too narrow."""


@dataclass(frozen=True, slots=True)
class PlannerSummary:
    """One planner over all scenarios and seeds: interquartile means with 95 % intervals, per run."""

    planner: str
    violation_minutes: Estimate
    replica_minutes: Estimate
    failed_requests: Estimate
    """As their clients saw it."""
    mesh_failures: Estimate
    """As the mesh saw it."""
    actions: Estimate
    utility_per_s: Estimate
    violations_against: Estimate
    """Mean paired difference of the violation minutes from the baseline's."""
    replicas_against: Estimate
    clamped: int
    breaches: int
    is_on_front: bool
    """Whether no other planner, bounds aside, has fewer violation minutes without more replica-minutes."""
    is_bound: bool
    """Whether it knows the coming load: it is then not a competitor, and ignored for the front."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A whole comparison."""

    baseline: str
    planners: tuple[PlannerSummary, ...]
    scenarios: tuple[str, ...]
    seeds: tuple[int, ...]

    @property
    def caveat(self) -> str:
        """A warning about the intervals; empty with enough seeds."""
        n = len(self.seeds)
        if n >= FEW:
            return ""
        runs = "one run" if n == 1 else f"{n} runs"
        return f"Intervals resample {runs} of each scenario; with fewer than {FEW} seeds they are too narrow."


def summarise(measured: Sequence[Measured]) -> Summary:
    """Combine the runs; every planner must have run on every scenario with every seed."""
    planners = tuple(dict.fromkeys(run.planner for run in measured))
    scenarios = tuple(dict.fromkeys(run.scenario for run in measured))
    seeds = tuple(dict.fromkeys(run.seed for run in measured))
    baseline = BASELINE if BASELINE in planners else planners[0]
    by_key = {(run.planner, run.scenario, run.seed): run for run in measured}

    def strata(planner: str, value: Callable[[Measured], float]) -> list[Values]:
        return [np.array([value(by_key[planner, s, seed]) for seed in seeds], np.float64) for s in scenarios]

    means = {
        planner: (
            float(np.concatenate(strata(planner, lambda run: run.replica_minutes)).mean()),
            float(np.concatenate(strata(planner, lambda run: run.violation_minutes)).mean()),
        )
        for planner in planners
    }
    front = pareto_front({planner: point for planner, point in means.items() if planner != BOUND})
    return Summary(
        baseline,
        tuple(
            PlannerSummary(
                planner=planner,
                violation_minutes=estimate(strata(planner, lambda run: run.violation_minutes)),
                replica_minutes=estimate(strata(planner, lambda run: run.replica_minutes)),
                failed_requests=estimate(strata(planner, lambda run: run.failed_requests)),
                mesh_failures=estimate(strata(planner, lambda run: run.mesh_failures)),
                actions=estimate(strata(planner, lambda run: run.actions)),
                utility_per_s=estimate(strata(planner, lambda run: run.utility_per_s)),
                violations_against=mean_difference(
                    strata(planner, lambda run: run.violation_minutes),
                    strata(baseline, lambda run: run.violation_minutes),
                ),
                replicas_against=mean_difference(
                    strata(planner, lambda run: run.replica_minutes),
                    strata(baseline, lambda run: run.replica_minutes),
                ),
                clamped=sum(run.clamped for run in measured if run.planner == planner),
                breaches=sum(run.breaches for run in measured if run.planner == planner),
                is_on_front=planner in front,
                is_bound=planner == BOUND,
            )
            for planner in planners
        ),
        scenarios,
        seeds,
    )
