"""The records of a run that show the mesh under load and without injected faults."""

from collections.abc import Iterable, Iterator, Sequence

from marskit.domain.events import FaultInjected, ScenarioChanged
from marskit.domain.faults import ClearFaults, KillReplica
from marskit.domain.load import LoadStatus
from marskit.knowledge.record import Record

SETTLING_S = 2.0
"""Seconds for which a changed mesh is not steady: queues drain, and replicas are observed late."""
_EPSILON_S = 1e-6


def quiet(records: Sequence[Record]) -> tuple[Record, ...]:
    """The records whose whole window is under load and touched neither by a fault nor by its aftermath.

    SLO violations do not matter: too few replicas are normal, and the twin has them too.
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
    """The records whose windows do not overlap, the earliest first."""
    end_s = float("-inf")
    for record in records:
        observation = record.cycle.observation
        if observation.at_s - observation.window_s >= end_s - _EPSILON_S:
            end_s = observation.at_s
            yield record


def _broken(records: Sequence[Record]) -> list[tuple[float, float]]:
    """The times with an active fault, each extended until the mesh had time to settle."""
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
    """Time at which the load had begun and the mesh had settled."""
    for record in records:
        load = record.cycle.observation.load
        if load is not None and load.status is LoadStatus.RUNNING:
            return load.at_s - load.scenario_s / record.speed + SETTLING_S
    return float("inf")
