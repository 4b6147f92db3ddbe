"""The whole calibration: recorded runs in, a card with its accuracy out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from marskit.calibration.error import CalibrationError
from marskit.calibration.fit import fit
from marskit.calibration.held_out import Compared, compare, errors
from marskit.calibration.queueing import Queueing, added_by_queueing
from marskit.calibration.rerun import Course, MakeEngine, course
from marskit.calibration.starts import recorded_starts
from marskit.calibration.windows import ObservedWindows, windows
from marskit.knowledge.read.runs import StoredRun
from marskit.mesh.simulator.card import Card
from marskit.mesh.simulator.compile import calibrated
from marskit.mesh.simulator.model import TwinModel

FITTED_SHARE = 0.7
"""Share of a single run that is fitted to; the rest is held out."""
_ROUNDS = 2
"""Rounds of fitting: the effect of queueing depends slightly on the fitted values."""
_TWINS = 3
"""Number of twins, with different seeds, that repeat a run; their common behaviour is the model's."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """The result of a calibration."""

    card: Card
    untold: tuple[str, ...]
    """One sentence for each undetermined number, and for each run that could not be repeated."""
    compared: tuple[Compared, ...]
    """The comparisons behind the card's held-out errors."""


def calibrate(
    model: TwinModel,
    runs: Sequence[StoredRun],
    engine: MakeEngine,
    *,
    progress: Callable[[int, int, str], None] = lambda done, total, step: None,
) -> Calibration:
    """Fit the model to the runs, and validate each run against a fit to all others.

    Args:
        model: The mesh according to its manifests.
        runs: Runs of that mesh; a single one is split into a part to fit to and one to validate on.
        engine: Makes the engine that repeats the runs.
        progress: Receives the number of replays done, their total, and the purpose of the next one.

    Raises:
        CalibrationError: A run belongs to another mesh, or there is nothing to fit to.
    """
    for run in runs:
        check_mesh(model, run)
    untold: list[str] = []
    courses: list[tuple[StoredRun, Course]] = []
    for run in runs:
        try:
            courses.append((run, course(run)))
        except CalibrationError as error:
            untold.append(f"Accuracy of the twin for {error}")
    seen = windows(runs)
    if seen.workloads.is_empty():
        raise CalibrationError("The runs have no window without faults, so there is nothing to fit to.")
    total, done = len(courses) * (_ROUNDS + 1), 0
    starts = recorded_starts(runs)
    queueing: Queueing = {}
    for number in range(1, _ROUNDS + 1):
        fitted = calibrated(model, fit(model, seen, starts, queueing).card)
        found: Queueing = {}
        for place, (run, what) in enumerate(courses):
            progress(done, total, f"effect of queueing, round {number}: {run.started.scenario.name}")
            found = {**found, **added_by_queueing(fitted, seen, what, engine, _seeds(place))}
            done += 1
        queueing = found
    whole = fit(model, seen, starts, queueing)
    compared: list[Compared] = []
    for place, (run, what) in enumerate(courses):
        progress(done, total, f"held out: {run.started.scenario.name}")
        compared += _held_out(model, runs, seen, queueing, (run, what), engine, _seeds(len(courses) + place))
        done += 1
    progress(done, total, "done")
    card = replace(whole.card, runs=tuple(run.started.run for run in runs), held_out=errors(compared))
    return Calibration(card, (*whole.untold, *untold), tuple(compared))


def _seeds(place: int) -> range:
    """Different seeds for every run: with the same ones, chance would not average out."""
    return range(_TWINS * place, _TWINS * (place + 1))


def _held_out(
    model: TwinModel,
    runs: Sequence[StoredRun],
    seen: ObservedWindows,
    queueing: Queueing,
    held_out: tuple[StoredRun, Course],
    engine: MakeEngine,
    seeds: Sequence[int],
) -> Iterator[Compared]:
    """The run, or the last part of the only one, compared with the twin fitted to the rest."""
    run, what = held_out
    if len(runs) > 1:
        since_s = 0.0
        rest = seen.without(run.started.run)
        starts = recorded_starts([other for other in runs if other is not run])
    else:
        first_s, last_s = (run.records[index].cycle.observation.at_s for index in (0, -1))
        since_s = first_s + FITTED_SHARE * (last_s - first_s)
        rest = seen.before(since_s)
        early = tuple(record for record in run.records if record.cycle.ended_at_s <= since_s)
        starts = recorded_starts([replace(run, records=early)])
    fitted = calibrated(model, fit(model, rest, starts, queueing).card)
    return compare(fitted, run, what, engine, seeds, since_s=since_s)


def check_mesh(model: TwinModel, run: StoredRun) -> None:
    """Refuse a run of another mesh.

    Raises:
        CalibrationError: The run belongs to another mesh.
    """
    recorded, ours = run.started.topology, [station.workload for station in model.stations]
    workloads = [workload.name for workload in recorded.workloads]
    calls = {(edge.source, edge.service) for edge in recorded.edges}
    if sorted(workloads) != sorted(ours) or calls != {(call.source, call.service) for call in model.calls}:
        raise CalibrationError(
            f"run {run.started.run}: it was recorded on another mesh; its workloads are "
            f"{', '.join(sorted(workloads))}, "
            f"those of the manifests {', '.join(sorted(ours))}; the calls may also differ."
        )
