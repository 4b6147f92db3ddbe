"""The autoscaler at its best: a grid search over target and window, on loads kept out of the comparison."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import fmean

from marskit.agents.hpa_behaviour import KUBERNETES_TARGET_PERCENT, TARGETS_PERCENT, WINDOWS_S, Behaviour
from marskit.assembly.settings import Settings
from marskit.compare.jobs import Job, Measured, grid

TUNED = "hpa-tuned"
"""Name of the planner that the search finds."""
FIRST_SEED = 9000
"""First tuning seed, above the compared ones."""
SEEDS = 2


@dataclass(frozen=True, slots=True)
class Tuning:
    """One point of the grid: means over all its runs."""

    planner: str
    """Name of the planner: `hpa:TARGET:WINDOW`."""
    target_percent: int
    window_s: int
    utility_per_s: float
    violation_minutes: float
    replica_minutes: float
    failed_requests: float
    actions: float
    runs: int
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class Search:
    """The whole grid, and the runs it was searched on."""

    tunings: tuple[Tuning, ...]
    scenarios: tuple[str, ...]
    seeds: tuple[int, ...]

    @property
    def chosen(self) -> Tuning:
        """The best one."""
        return next(tuning for tuning in self.tunings if tuning.is_chosen)

    @property
    def sentence(self) -> str:
        """How the tuning was done, for readers of the comparison."""
        return (
            f"{TUNED} is {self.chosen.planner}: of {len(self.tunings)} autoscalers, the one with the highest "
            f"mean utility on the twin, on the same scenarios with different arrivals "
            f"(seeds {', '.join(map(str, self.seeds))})."
        )


def tuning_seeds(compared: Sequence[int]) -> tuple[int, ...]:
    """The first `SEEDS` numbers from `FIRST_SEED` on that are not compared."""
    free = (seed for seed in range(FIRST_SEED, FIRST_SEED + SEEDS + len(compared)) if seed not in compared)
    return tuple(islice(free, SEEDS))


def tuning_jobs(
    scenarios: Sequence[str], compared: Sequence[int], usual: Settings, runs: Path
) -> tuple[Job, ...]:
    """Every point of the grid, on every scenario with every tuning seed; always on the twin."""
    settings = replace(usual, mesh="twin", runs=runs)
    planners = [f"hpa:{target}:{window_s}" for target in TARGETS_PERCENT for window_s in WINDOWS_S]
    return tuple(grid(planners, scenarios, tuning_seeds(compared), settings))


def choose(measured: Sequence[Measured]) -> Search:
    """The tuning with the highest mean utility; ties are decided by fewer violations, then fewer replicas.

    Every tuning must have run on every scenario with every seed.
    """
    planners = tuple(dict.fromkeys(run.planner for run in measured))
    tunings = [_tuning(name, [run for run in measured if run.planner == name]) for name in planners]
    best = min(tunings, key=lambda t: (-t.utility_per_s, t.violation_minutes, t.replica_minutes))
    return Search(
        tuple(replace(tuning, is_chosen=tuning is best) for tuning in tunings),
        tuple(dict.fromkeys(run.scenario for run in measured)),
        tuple(dict.fromkeys(run.seed for run in measured)),
    )


def is_default(tuning: Tuning) -> bool:
    """Whether it equals the planner `hpa`, which is not tuned."""
    usual = Behaviour()
    return (tuning.target_percent, tuning.window_s) == (
        usual.target_percent,
        usual.scale_down.stabilisation_s,
    )


def is_kubernetes_default(tuning: Tuning) -> bool:
    """Whether it has Kubernetes' own default target and window."""
    return (tuning.target_percent, tuning.window_s) == (
        KUBERNETES_TARGET_PERCENT,
        Behaviour().scale_down.stabilisation_s,
    )


def _tuning(planner: str, runs: Sequence[Measured]) -> Tuning:
    _, target, window_s = planner.split(":")
    return Tuning(
        planner,
        int(target),
        int(window_s),
        # Rounded: differences below the sum's own error count as equal.
        utility_per_s=round(fmean(run.utility_per_s for run in runs), 9),
        violation_minutes=round(fmean(run.violation_minutes for run in runs), 9),
        replica_minutes=round(fmean(run.replica_minutes for run in runs), 9),
        failed_requests=fmean(run.failed_requests for run in runs),
        actions=fmean(run.actions for run in runs),
        runs=len(runs),
    )
