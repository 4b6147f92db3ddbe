"""The exercises of the course: what is asked, the truth, a hint, and the section to read."""

from collections.abc import Callable

from marskit.course.comparing import COMPARING
from marskit.course.exercise import Exercise
from marskit.course.figures import failure, replica_cycles, violations
from marskit.course.incidents import HIDDEN, INCIDENTS
from marskit.course.judging import Decider, Function, Name, Number, Several
from marskit.course.learning import LEARNING
from marskit.course.memory import MEMORY
from marskit.course.mesh import MESH
from marskit.course.own_mesh import OWN_MESH
from marskit.course.runs import CALM_CYCLES, SEED, decided, played, recorded
from marskit.domain.records import Cycle
from marskit.plugins.base import Planner

CYCLES = 20
"""Cycles of the runs that judge planners."""
PEAK = range(6, 13)
"""The cycles that exercise 03 looks at: the peak of the spike."""


def _peak() -> tuple[Cycle, ...]:
    return tuple(cycle for cycle in recorded("static", "spike", SEED, PEAK[-1]) if cycle.id in PEAK)


def _failed_percent() -> float:
    orders = [cycle.observation.service("orders") for cycle in _peak()]
    requests = sum(each.requests_per_s for each in orders)
    return 100 * sum(each.failures_per_s for each in orders) / requests


def _failing_edges() -> set[str]:
    edges = [edge for cycle in _peak() for edge in cycle.observation.edges]
    return {str(each.edge) for each in edges if (each.error_percent or 0.0) > 1}


def _misjudged(judge: Callable[..., object]) -> str | None:
    """The first hidden incident that a function of two observations gets wrong."""
    for words, hidden in HIDDEN.items():
        cycles = played(hidden)
        truth = next(iter(hidden.faulty), None)
        try:
            said = judge(cycles[-1].observation, cycles[CALM_CYCLES - 1].observation)
        except Exception as error:
            return f"On an incident {words}, it raised {type(error).__name__}: {error}."
        if said != truth:
            return f"On an incident {words}, it returned {said!r}."
    return None


def _helps(planner: str | type[Planner]) -> str | None:
    static = violations(recorded("static", "spike", SEED, CYCLES))
    mine = decided(planner, "spike", SEED, CYCLES)
    if (sentence := failure(mine)) is not None:
        return sentence
    if 2 * violations(mine) < static:
        return None
    return f"SLOs were violated in {violations(mine)} cycles; with static in {static}."


def _saves(planner: str | type[Planner]) -> str | None:
    hpa = recorded("hpa", "spike", SEED + 1, CYCLES)
    mine = decided(planner, "spike", SEED + 1, CYCLES)
    if (sentence := failure(mine)) is not None:
        return sentence
    late, cheap = violations(mine) - violations(hpa), replica_cycles(mine) < 0.9 * replica_cycles(hpa)
    if late <= 2 and cheap:
        return None
    return (
        f"With seed {SEED + 1}, SLOs were violated in {violations(mine)} cycles and it used "
        f"{replica_cycles(mine)} replica-cycles; hpa: {violations(hpa)} and {replica_cycles(hpa)}."
    )


EXERCISES = {
    "03.1": Exercise(
        Number(_failed_percent, "percent"),
        "Add up failures and requests over all seven cycles, and divide only then.",
        "Rates add up, percentages do not",
        "A mean of percentages counts a quiet window as much as a busy one.",
    ),
    "03.2": Exercise(
        Several(_failing_edges, "edges as strings, such as 'orders → payments'", str),
        "Look at every edge of every cycle; a failure is also seen by the caller's caller.",
        "One failure, seen twice",
        "What fails deep in the mesh fails again on every edge on the way to the user.",
    ),
    "04.1": Exercise(
        Name(lambda: next(iter(INCIDENTS["one"].faulty)), "a workload"),
        "The workload whose SLO the user sees violated waits for another one; whose own time has grown?",
        "Where is the time spent?",
        "The service that is late is often not the one at fault.",
    ),
    "04.2": Exercise(
        Several(lambda: INCIDENTS["two"].faulty, "names of workloads", str),
        "There may be more than one fault, and errors do not show in latencies: read all suspects.",
        "Suspects",
        "One fault does not hide another if each workload is judged by its own work.",
    ),
    "04.3": Exercise(
        Function(_misjudged),
        "Compare each edge with the calm window: errors, then the median, and whether the request rate grew.",
        "Write the analysis yourself",
        "You told seven incidents apart that your function had never seen.",
    ),
    "05.1": Exercise(
        Decider(_helps),
        "Return mk.Scale(name, replicas) for diagnosis.bottleneck, with more replicas than it has.",
        "A planner of your own",
        "A rule of three lines halves the violations; the shield made it safe.",
    ),
    "05.2": Exercise(
        Several(
            lambda: [c.id for c in recorded("demand", "spike", SEED, CYCLES) if c.plan.shield],
            "numbers of cycles",
            int,
        ),
        "The shield's changes are in cycle.plan.shield, which is empty in most cycles.",
        "The shield",
        "A planner proposes; what is executed is what the shield lets through.",
    ),
    "05.3": Exercise(
        Decider(_saves),
        "Idle workloads cost as much as busy ones: give each as many replicas as its utilisation needs.",
        "The price of replicas",
        "Violations and replicas are two goals: a good planner looks at both.",
    ),
    **MESH,
    **MEMORY,
    **LEARNING,
    **COMPARING,
    **OWN_MESH,
}
"""All exercises by number."""
