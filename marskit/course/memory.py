"""The exercises of notebook 07: what a run recorded, and what would have been."""

from functools import cache

from marskit.course.exercise import Exercise
from marskit.course.judging import Number
from marskit.course.runs import SEED, course_lab, recorded, runs_folder
from marskit.lab.replaying import Replay
from marskit.replay.branched import Branched

CYCLES = 20
BRANCH_CYCLE = 9
"""The first cycle that the autoscaler decides in the branch."""


def _busy_percent() -> float:
    cycles = [each for each in recorded("hpa", "spike", SEED, CYCLES) if each.diagnosis.slo_met is False]
    found = [w for cycle in cycles for w in cycle.observation.workloads if w.workload == "payments"]
    busy = [100 * each.utilisation for each in found if each.utilisation is not None]
    return sum(busy) / len(busy)


@cache
def _branched() -> Branched:
    with course_lab("static", "spike", SEED) as lab:
        lab.run(CYCLES)
        started = lab.state.started
    assert started is not None
    return Replay(started.run, runs_folder(), ()).branch("hpa", BRANCH_CYCLE)


def _prevented() -> float:
    sides = _branched()
    return sides.control.headline.failed_requests - sides.branch.headline.failed_requests


def _twin_error() -> float:
    sides = _branched()
    return sides.control.headline.failed_requests - sides.recorded.headline.failed_requests


MEMORY = {
    "07.1": Exercise(
        Number(_busy_percent, "percent"),
        "Join the workloads with the cycles on the column cycle, and keep those with slo_met false.",
        "Tables",
        "A question about a run is a query over its tables, and nobody had to foresee it.",
    ),
    "07.2": Exercise(
        Number(_prevented, "requests"),
        "Compare two runs of the twin: the branch and the control.",
        "What would the autoscaler have done?",
        "A simulation is compared with a simulation, so that its error is on both sides.",
    ),
    "07.3": Exercise(
        Number(_twin_error, "requests"),
        "The control repeats what was really done; what differs from the recording is the twin's doing.",
        "How far off is the twin?",
        "An effect that is not much larger than this error is no effect.",
    ),
}
