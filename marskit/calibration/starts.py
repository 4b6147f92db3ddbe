"""How long new replicas took to be ready."""

from collections.abc import Sequence

from marskit.domain.actions import Scale
from marskit.domain.records import Execution, Outcome
from marskit.knowledge.queries import StoredRun
from marskit.knowledge.record import Record


def start_times(runs: Sequence[StoredRun]) -> dict[str, list[float]]:
    """How long every scale-up took until all new replicas were ready, in seconds, by workload.

    An execution waits only so long for its replicas; where it gave up, the cycles afterwards show between
    which two moments the replicas became ready, and the middle is taken.
    """
    found: dict[str, list[float]] = {}
    for run in runs:
        for record in run.records:
            for execution in record.cycle.executions:
                action, inverse = execution.action, execution.inverse
                if not (isinstance(action, Scale) and isinstance(inverse, Scale)):
                    continue
                if execution.outcome is not Outcome.APPLIED or action.replicas <= inverse.replicas:
                    continue
                took_s = _took_s(run.records, record, execution, action)
                if took_s is not None:
                    found.setdefault(action.workload, []).append(took_s)
    return found


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
        if workload.replicas_ready >= action.replicas:
            return (not_yet_s + observation.at_s) / 2 - execution.at_s
        not_yet_s = observation.at_s
    return None
