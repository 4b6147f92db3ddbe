"""The exercises of notebook 08: honest comparison."""

from collections.abc import Sequence
from functools import cache
from statistics import fmean

from marskit.compare.jobs import Measured
from marskit.compare.summary import BOUND
from marskit.course.exercise import Exercise
from marskit.course.judging import Decider, Number, Several
from marskit.course.runs import runs_folder
from marskit.errors import UserError
from marskit.lab.comparing import Comparison, compare
from marskit.plugins.base import Planner

SCENARIO = "spike"
SEEDS = (1, 2, 3)
"""The seeds that the notebook compares with."""
UNSEEN = (11, 12)
"""Those that judge a planner."""
_PLANNERS = ("static", "threshold", "demand", "hpa")
_SHARE = 0.6
"""The share of the way from static to the oracle that is asked for."""


def compared(planners: Sequence[str | type[Planner]], seeds: Sequence[int]) -> Comparison:
    """The planners on identical arrivals, as the notebook compares them."""
    folder = runs_folder() / "comparison"
    return compare(planners, [SCENARIO], seeds, engine="fast", out=folder, tell=False)


@cache
def _rivals() -> Comparison:
    return compared(_PLANNERS, SEEDS)


def mean_utility(runs: Sequence[Measured], planner: str) -> float:
    """A planner's utility per second, the mean of its runs."""
    return fmean(run.utility_per_s for run in runs if run.planner == planner)


def _difference() -> float:
    runs = _rivals().measured
    return mean_utility(runs, "demand") - mean_utility(runs, "hpa")


def _front() -> list[str]:
    return [each.planner for each in _rivals().summary.planners if each.is_on_front]


def _far(planner: str | type[Planner]) -> str | None:
    try:
        runs = compared([planner, "static", BOUND], UNSEEN).measured
    except UserError as error:
        return str(error)
    (mine,) = {run.planner for run in runs} - {"static", BOUND}
    static, oracle = mean_utility(runs, "static"), mean_utility(runs, BOUND)
    share = (mean_utility(runs, mine) - static) / (oracle - static)
    return None if share >= _SHARE else f"It went {100 * share:.0f} % of the way from static to the oracle."


COMPARING = {
    "08.1": Exercise(
        Number(_difference, "utility per second"),
        "Take `demand` less `hpa` for each seed first, as both had the same arrivals; then the mean.",
        "Identical arrivals",
        "With the same arrivals, the luck of the draw is on both sides and cancels out of the difference.",
    ),
    "08.2": Exercise(
        Several(_front, "names of planners", str),
        "A planner is off the front if another one is at least as good in both goals, and better in one.",
        "Two goals, no single winner",
        "Between planners on the front, only the prices of replicas and violations decide.",
    ),
    "08.3": Exercise(
        Decider(_far),
        "Scale every workload to its utilisation, as in 05.3, and give the bottleneck one replica more.",
        "How far from the best?",
        "A score between a floor and a bound says more than a score alone.",
    ),
}
"""The exercises by number."""
