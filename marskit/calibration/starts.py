"""How long new replicas took to be ready."""

from collections.abc import Sequence
from itertools import pairwise

from marskit.domain.actions import Scale
from marskit.domain.records import Outcome
from marskit.knowledge.queries import StoredRun
from marskit.knowledge.record import Record


def start_times(runs: Sequence[StoredRun]) -> dict[str, list[float]]:
    """How long every scale-up took until all new replicas were ready, in seconds, by workload.

    An execution waits only so long for its replicas; where it gave up, the cycles afterwards show between
    which two of them the replicas became ready, and the middle is taken.
    """
    found: dict[str, list[float]] = {}
    for run in runs:
        executions = [execution for record in run.records for execution in record.cycle.executions]
        for execution in executions:
            action, inverse = execution.action, execution.inverse
            if not (isinstance(action, Scale) and isinstance(inverse, Scale)):
                continue
            if execution.outcome is not Outcome.APPLIED or action.replicas <= inverse.replicas:
                continue
            if execution.effective_after_ms is not None:
                took_s: float | None = execution.effective_after_ms / 1000.0
            else:
                took_s = _seen_ready_after_s(run.records, action, execution.at_s)
            if took_s is not None:
                found.setdefault(action.workload, []).append(took_s)
    return found


def _seen_ready_after_s(records: Sequence[Record], action: Scale, at_s: float) -> float | None:
    """From the decision to the middle between the last cycle without and the first with all replicas."""
    seen = [
        (record.cycle.observation.at_s, record.cycle.observation.workload(action.workload))
        for record in records
    ]
    for (before_s, _), (now_s, workload) in pairwise([(at_s, None), *((t, w) for t, w in seen if t > at_s)]):
        if workload is None or workload.replicas_desired != action.replicas:
            return None
        if workload.replicas_ready >= action.replicas:
            return (max(before_s, at_s) + now_s) / 2 - at_s
    return None
