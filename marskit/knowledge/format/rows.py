"""Records as rows of the flat tables, value by value in the order of their columns."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from marskit.domain.actions import Action, describe, target
from marskit.domain.events import RunStarted
from marskit.domain.load import RequestFailure
from marskit.domain.observation import Latency
from marskit.domain.plan import Prediction
from marskit.knowledge.format.codec import dumps
from marskit.knowledge.format.tables import SCHEMA_VERSION, run_schema, table_schema
from marskit.knowledge.record import Record

if TYPE_CHECKING:
    import polars as pl

CHOSEN = -1
"""The rank of the plan in `candidates`."""
NOTHING = -2
"""The rank of doing nothing."""

Row = tuple[Any, ...]


def table(name: str, run: RunStarted, records: Iterable[Record]) -> "pl.DataFrame":
    """The rows of these cycles in any table other than the log."""
    import polars as pl

    make = _MAKERS[name]
    rows = [row for record in records for row in make(run, record)]
    return pl.DataFrame(rows, schema=table_schema(name), orient="row")


def run_table(run: RunStarted, started_at_us: int) -> "pl.DataFrame":
    """The one row that describes a run; `started_at_us` is in microseconds since 1970 in UTC."""
    import polars as pl

    row = (
        SCHEMA_VERSION,
        run.run,
        started_at_us,
        run.mesh,
        run.capabilities.is_simulated,
        run.seed,
        run.planner,
        run.mode.value,
        run.period_s,
        run.scenario.name,
        run.scenario.speed,
        dumps(run, RunStarted),
    )
    return pl.DataFrame([row], schema=run_schema(), orient="row")


def _cycles(run: RunStarted, record: Record) -> Iterator[Row]:
    cycle = record.cycle
    observation, diagnosis, load = cycle.observation, cycle.diagnosis, cycle.observation.load
    worst = diagnosis.symptoms[0] if diagnosis.symptoms else None
    utility = None if diagnosis.unknown else diagnosis.utility
    entered, client = cycle.entered, cycle.client
    yield (
        SCHEMA_VERSION,
        run.run,
        cycle.id,
        observation.at_s,
        observation.window_s,
        load.scenario_s if load else None,
        cycle.started_at_s,
        cycle.ended_at_s,
        record.covers_s,
        cycle.mode.value,
        cycle.planner,
        record.scenario,
        record.speed,
        run.seed,
        load.users if load else None,
        load.factor if load else None,
        load.offered_requests_per_s if load else None,
        load.sent_requests_per_s if load else None,
        entered.requests if entered else None,
        record.mesh_failures,
        client.offered if client else None,
        client.succeeded if client else None,
        client.failed if client else None,
        client.of(RequestFailure.NOT_SENT) if client else None,
        record.failed_requests,
        record.slo_met,
        worst.kind.value if worst else None,
        worst.subject if worst else None,
        diagnosis.sentence,
        diagnosis.bottleneck,
        utility.total if utility else None,
        utility.served_within_slo if utility else None,
        utility.violated if utility else None,
        utility.failed if utility else None,
        utility.replica_cost if utility else None,
        utility.action_churn if utility else None,
        sum(workload.replicas_desired for workload in observation.workloads),
        record.replicas_ready,
        record.actions,
        cycle.plan.reason,
        cycle.cpu_ms,
    )


def _services(run: RunStarted, record: Record) -> Iterator[Row]:
    slos = {slo.service: slo for slo in record.cycle.diagnosis.slos}
    for each in record.cycle.observation.services:
        slo = slos.get(each.service)
        yield (
            *_key(run, record),
            each.service,
            each.requests_per_s,
            each.failures_per_s,
            *_latency(each.latency),
            each.slow_percent,
            slo.latency_ms if slo else None,
            slo.met if slo else None,
        )


def _workloads(run: RunStarted, record: Record) -> Iterator[Row]:
    for each in record.cycle.observation.workloads:
        yield (
            *_key(run, record),
            each.workload,
            each.service,
            each.replicas_desired,
            each.replicas_ready,
            each.requests_per_s,
            each.utilisation,
            each.queued,
        )


def _edges(run: RunStarted, record: Record) -> Iterator[Row]:
    for each in record.cycle.observation.edges:
        yield (
            *_key(run, record),
            each.edge.source,
            each.edge.service,
            each.edge.workload,
            each.requests_per_s,
            each.failures_per_s,
            *_latency(each.latency),
            each.in_flight,
            each.retries_per_s,
            each.timeouts_per_s,
            each.ejected,
            each.weight_percent,
            each.share_percent,
        )


def _symptoms(run: RunStarted, record: Record) -> Iterator[Row]:
    for rank, each in enumerate(record.cycle.diagnosis.symptoms):
        first = each.evidence[0] if each.evidence else None
        yield (
            *_key(run, record),
            rank,
            each.kind.value,
            each.severity.value,
            each.subject,
            first.metric if first else None,
            first.value if first else None,
            first.threshold if first else None,
            first.n if first else None,
            each.sentence,
        )


def _candidates(run: RunStarted, record: Record) -> Iterator[Row]:
    plan = record.cycle.plan

    def row(
        rank: int,
        actions: Sequence[Action],
        reason: str,
        score: float | None,
        expected: Prediction | None,
        *,
        chosen: bool,
    ) -> Row:
        return (
            *_key(run, record),
            plan.planner,
            rank,
            chosen,
            ", ".join(map(describe, actions)),
            reason,
            score,
            expected.latency_p95_ms if expected else None,
            expected.error_percent if expected else None,
            expected.replicas if expected else None,
            expected.utility_per_s if expected else None,
        )

    if plan.nothing is not None:
        yield row(NOTHING, (), "", None, plan.nothing, chosen=not plan.actions)
    yield row(CHOSEN, plan.actions, plan.reason, None, plan.prediction, chosen=True)
    for rank, each in enumerate(plan.candidates):
        chosen = each.actions == plan.proposed
        yield row(rank, each.actions, each.reason, each.score, each.prediction, chosen=chosen)


def _executions(run: RunStarted, record: Record) -> Iterator[Row]:
    for each in record.cycle.executions:
        yield (
            run.run,
            record.cycle.id,
            each.at_s,
            each.id,
            each.origin.value,
            describe(each.action),
            target(each.action),
            each.command,
            each.outcome.value,
            each.reason,
            each.effective_after_ms,
        )


def _effects(run: RunStarted, record: Record) -> Iterator[Row]:
    for each in record.cycle.effects:
        yield (
            *_key(run, record),
            each.execution,
            each.service,
            each.latency_p95_before_ms,
            each.latency_p95_after_ms,
            each.error_percent_before,
            each.error_percent_after,
            each.latency_p95_predicted_ms,
            each.error_percent_predicted,
            each.sentence,
        )


def _key(run: RunStarted, record: Record) -> Row:
    return run.run, record.cycle.id, record.cycle.observation.at_s


def _latency(latency: Latency) -> Row:
    return latency.n, latency.p50_ms, latency.p95_ms, latency.p99_ms


_MAKERS: dict[str, Callable[[RunStarted, Record], Iterator[Row]]] = {
    "cycles": _cycles,
    "services": _services,
    "workloads": _workloads,
    "edges": _edges,
    "symptoms": _symptoms,
    "candidates": _candidates,
    "executions": _executions,
    "effects": _effects,
}
