"""The records of a run that show the mesh as it is: under load, and while nothing is broken on purpose."""

from collections.abc import Iterable, Iterator, Sequence

from marskit.domain.events import FaultInjected, ScenarioChanged
from marskit.domain.faults import ClearFaults, KillReplica
from marskit.domain.load import LoadStatus
from marskit.knowledge.record import Record

SETTLING_S = 2.0
"""How long a mesh that was changed is no steady one: queues drain, and replicas are read late."""
_EPSILON_S = 1e-6


def quiet(records: Sequence[Record]) -> tuple[Record, ...]:
    """The records whose whole window lies under load and is touched by no fault, nor by what that left.

    Whether objectives were met does not matter: too few replicas are no accident, and the twin has them too.
    """
    broken = [*_broken(records), (float("-inf"), _load_settled_s(records))]
    kept = []
    for record in records:
        until_s = record.cycle.observation.at_s
        from_s = until_s - record.cycle.observation.window_s
        if record.cycle.observation.window_s > 0 and not any(b < until_s and from_s < e for b, e in broken):
            kept.append(record)
    return tuple(kept)


def apart(records: Iterable[Record]) -> Iterator[Record]:
    """Those of the records whose windows do not overlap, the earliest first."""
    end_s = float("-inf")
    for record in records:
        observation = record.cycle.observation
        if observation.at_s - observation.window_s >= end_s - _EPSILON_S:
            end_s = observation.at_s
            yield record


def _broken(records: Sequence[Record]) -> list[tuple[float, float]]:
    """The stretches in which something was broken, each until the mesh had time to settle."""
    stretches: list[tuple[float, float]] = []
    since_s: float | None = None
    for incident in (incident for record in records for incident in record.incidents):
        match incident:
            case FaultInjected(at_s, ClearFaults()):
                if since_s is not None:
                    stretches.append((since_s, at_s + SETTLING_S))
                since_s = None
            case FaultInjected(at_s, KillReplica()):
                stretches.append((at_s, at_s + 2 * SETTLING_S))
            case FaultInjected(at_s, _):
                since_s = at_s if since_s is None else since_s
            case ScenarioChanged(at_s, _):
                stretches.append((at_s, at_s + SETTLING_S))
    return [*stretches, (since_s, float("inf"))] if since_s is not None else stretches


def _load_settled_s(records: Sequence[Record]) -> float:
    """When the load had begun and the mesh had settled under it."""
    for record in records:
        load = record.cycle.observation.load
        if load is not None and load.status is LoadStatus.RUNNING:
            return load.at_s - load.scenario_s / record.speed + SETTLING_S
    return float("inf")
