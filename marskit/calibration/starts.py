"""Start times of new replicas, and how much starts at the same time slow each other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import hypot, sqrt

from marskit.calibration.estimators import LEAST, middle, rise
from marskit.domain.actions import Scale
from marskit.domain.records import Execution, Outcome
from marskit.knowledge.read.runs import StoredRun
from marskit.knowledge.record import Record
from marskit.mesh.simulator.card import Fitted
from marskit.mesh.simulator.starts import slowness

_TOGETHER_S = 0.3
"""Seconds within which scale-ups count as simultaneous, as those of one plan are."""


@dataclass(frozen=True, slots=True)
class Start:
    """One scale-up."""

    workload: str
    took_s: float
    """Seconds until all its new replicas were ready."""
    others: int
    """Number of other replicas of the mesh that started with each of them."""


def recorded_starts(runs: Sequence[StoredRun]) -> tuple[Start, ...]:
    """Every scale-up of the runs, in order.

    An execution waits for its replicas for a limited time; if it gave up, the later cycles bound the time at
    which the replicas became ready, and the middle is taken.
    """
    return tuple(start for run in runs for record in run.records for start in _starts_of(record, run.records))


def _starts_of(record: Record, records: Sequence[Record]) -> Iterator[Start]:
    ups = _scale_ups(record)
    for execution, action, _ in ups:
        took_s = _took_s(records, record, execution, action)
        if took_s is not None:
            together = sum(n for other, _, n in ups if abs(other.at_s - execution.at_s) <= _TOGETHER_S)
            yield Start(action.workload, took_s, together - 1)


def crowding(starts: Sequence[Start]) -> Fitted | None:
    """Relative increase of a start per other simultaneous start; None if the starts do not determine it.

    Starts scatter in proportion to their length, so the slope over the intercept of the line through
    `(others, took_s)` is estimated with weights of the inverse squared expected length.
    """
    return rise([(float(start.others), start.took_s) for start in starts])


def alone_s(starts: Sequence[Start], crowding: float) -> Mapping[str, Sequence[float]]:
    """The durations that starts would have had without the others, by workload."""
    found: dict[str, list[float]] = {}
    for start in starts:
        found.setdefault(start.workload, []).append(start.took_s / slowness(crowding, start.others))
    return found


def start_s(alone: Mapping[str, Sequence[float]], workload: str, untold: list[str]) -> Fitted | None:
    """The median of the workload's own starts, or of all workloads' if it has too few."""
    own = alone.get(workload, ())
    fitted = middle(own)
    if fitted is None:
        fitted = middle([took_s for of_one in alone.values() for took_s in of_one])
        instead = "the median of all workloads is used" if fitted else f"{LEAST} are needed"
        untold.append(f"Start time of {workload}: only {len(own)} scale-ups; {instead}.")
    return fitted


def unsure_of_crowding(fitted: Fitted | None, starts: Sequence[Start], workload: str) -> Fitted | None:
    """The same start time, with the uncertainty of an unknown slowdown between starts.

    Anything between no slowdown and a full one, as if each further start took its share of the machine, is
    equally
    likely: a uniform distribution, whose deviation is its width over the square root of 12.
    """
    in_full = start_s(alone_s(starts, 1.0), workload, [])
    if fitted is None or in_full is None:
        return fitted
    return replace(fitted, stderr=hypot(fitted.stderr, (fitted.value - in_full.value) / sqrt(12.0)))


def _scale_ups(record: Record) -> list[tuple[Execution, Scale, int]]:
    """The scale-ups of the record, with the number of replicas added."""
    return [
        (execution, action, action.replicas - inverse.replicas)
        for execution in record.cycle.executions
        if isinstance(action := execution.action, Scale)
        and isinstance(inverse := execution.inverse, Scale)
        and execution.outcome is Outcome.APPLIED
        and action.replicas > inverse.replicas
    ]


def _took_s(records: Sequence[Record], record: Record, execution: Execution, action: Scale) -> float | None:
    if execution.effective_after_ms is not None:
        return execution.effective_after_ms / 1000.0
    not_yet_s = execution.at_s
    if record.cycle.observation.at_s <= execution.at_s:
        # It was carried out in this cycle, which waited for it in vain.
        not_yet_s = record.cycle.ended_at_s
    for observation in (each.cycle.observation for each in records):
        if observation.at_s <= not_yet_s:
            continue
        workload = observation.workload(action.workload)
        if workload.replicas_desired != action.replicas:
            return None
        if workload.replicas_ready is not None and workload.replicas_ready >= action.replicas:
            return (not_yet_s + observation.at_s) / 2 - execution.at_s
        not_yet_s = observation.at_s
    return None
