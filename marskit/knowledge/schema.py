"""The columns of a stored cycle: typed ones to query in place, and one that holds the whole record.

One row is one cycle. Units are in the names. `record` and `run_record` are lossless; every other column
repeats a part of them so that Polars, DuckDB, Spark or Trino can answer without parsing JSON.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

from marskit.domain.actions import describe, target
from marskit.domain.events import RunStarted
from marskit.domain.records import EdgeObservation, Execution, Latency
from marskit.knowledge.codec import dumps
from marskit.knowledge.record import Record

if TYPE_CHECKING:
    import polars as pl

SCHEMA_VERSION = 2
"""Raised when a column or the record changes; readers refuse what is newer than they are, and read all older.

2: predictions in the record, of candidates and of plans, and in `effects`.
"""


@cache
def cycle_schema() -> "pl.Schema":
    """The columns of `cycles-*.parquet`."""
    import polars as pl

    text, real, whole, flag = pl.String(), pl.Float64(), pl.Int64(), pl.Boolean()
    latency = {"latency_n": whole, "latency_p50_ms": real, "latency_p95_ms": real, "latency_p99_ms": real}

    def many(**columns: pl.DataType) -> pl.List:
        return pl.List(pl.Struct(columns))

    return pl.Schema(
        {
            "schema_version": whole,
            "run": text,
            "cycle": whole,
            "started_at_s": real,
            "ended_at_s": real,
            "covers_s": real,
            "mode": text,
            "planner": text,
            "scenario": text,
            "speed": real,
            "seed": whole,
            "users": whole,
            "load_factor": real,
            "offered_requests_per_s": real,
            "sent_requests_per_s": real,
            "failed_requests": real,
            "slo_met": flag,
            "worst_symptom": text,
            "worst_symptom_subject": text,
            "diagnosis": text,
            "bottleneck": text,
            "utility_per_s": real,
            "served_within_slo_per_s": real,
            "violated_per_s": real,
            "failed_per_s": real,
            "replica_cost_per_s": real,
            "action_churn_per_s": real,
            "replicas_desired": whole,
            "replicas_ready": whole,
            "actions": whole,
            "plan_reason": text,
            "cpu_ms": real,
            "services": many(
                service=text, requests_per_s=real, failures_per_s=real, **latency, slow_percent=real
            ),
            "workloads": many(
                workload=text,
                service=text,
                replicas_desired=whole,
                replicas_ready=whole,
                requests_per_s=real,
                utilisation=real,
                queued=real,
            ),
            "edges": many(
                source=text,
                service=text,
                workload=text,
                requests_per_s=real,
                failures_per_s=real,
                **latency,
                in_flight=whole,
                retries_per_s=real,
                timeouts_per_s=real,
                ejected=whole,
                weight_percent=whole,
                share_percent=real,
            ),
            "symptoms": many(kind=text, severity=text, subject=text, sentence=text),
            "executions": many(
                id=whole,
                origin=text,
                action=text,
                target=text,
                command=text,
                outcome=text,
                reason=text,
                at_s=real,
                effective_after_ms=real,
            ),
            "effects": many(
                execution=whole,
                service=text,
                latency_p95_before_ms=real,
                latency_p95_after_ms=real,
                error_percent_before=real,
                error_percent_after=real,
                latency_p95_predicted_ms=real,
                error_percent_predicted=real,
                sentence=text,
            ),
            "record": text,
        }
    )


@cache
def run_schema() -> "pl.Schema":
    """The columns of `_run.parquet`."""
    import polars as pl

    text, real, whole = pl.String(), pl.Float64(), pl.Int64()
    return pl.Schema(
        {
            "schema_version": whole,
            "run": text,
            "started_at": pl.Datetime("us", "UTC"),
            "mesh": text,
            "seed": whole,
            "planner": text,
            "mode": text,
            "period_s": real,
            "scenario": text,
            "speed": real,
            "run_record": text,
        }
    )


def cycle_row(run: RunStarted, record: Record) -> dict[str, Any]:
    """The row of one cycle, column by column."""
    cycle = record.cycle
    observation, diagnosis, load = cycle.observation, cycle.diagnosis, cycle.observation.load
    worst = diagnosis.symptoms[0] if diagnosis.symptoms else None
    utility = diagnosis.utility
    return {
        "schema_version": SCHEMA_VERSION,
        "run": run.run,
        "cycle": cycle.id,
        "started_at_s": cycle.started_at_s,
        "ended_at_s": cycle.ended_at_s,
        "covers_s": record.covers_s,
        "mode": cycle.mode.value,
        "planner": cycle.planner,
        "scenario": record.scenario,
        "speed": record.speed,
        "seed": run.seed,
        "users": load.users if load else None,
        "load_factor": load.factor if load else None,
        "offered_requests_per_s": load.offered_requests_per_s if load else None,
        "sent_requests_per_s": load.sent_requests_per_s if load else None,
        "failed_requests": record.failed_requests,
        "slo_met": record.slo_met,
        "worst_symptom": worst.kind.value if worst else None,
        "worst_symptom_subject": worst.subject if worst else None,
        "diagnosis": diagnosis.sentence,
        "bottleneck": diagnosis.bottleneck,
        "utility_per_s": utility.total,
        "served_within_slo_per_s": utility.served_within_slo,
        "violated_per_s": utility.violated,
        "failed_per_s": utility.failed,
        "replica_cost_per_s": utility.replica_cost,
        "action_churn_per_s": utility.action_churn,
        "replicas_desired": sum(workload.replicas_desired for workload in observation.workloads),
        "replicas_ready": record.replicas_ready,
        "actions": record.actions,
        "plan_reason": cycle.plan.reason,
        "cpu_ms": cycle.cpu_ms,
        "services": [
            {
                "service": s.service,
                "requests_per_s": s.requests_per_s,
                "failures_per_s": s.failures_per_s,
                **_latency(s.latency),
                "slow_percent": s.slow_percent,
            }
            for s in observation.services
        ],
        "workloads": [
            {
                "workload": w.workload,
                "service": w.service,
                "replicas_desired": w.replicas_desired,
                "replicas_ready": w.replicas_ready,
                "requests_per_s": w.requests_per_s,
                "utilisation": w.utilisation,
                "queued": w.queued,
            }
            for w in observation.workloads
        ],
        "edges": [_edge(edge) for edge in observation.edges],
        "symptoms": [
            {
                "kind": s.kind.value,
                "severity": s.severity.value,
                "subject": s.subject,
                "sentence": s.sentence,
            }
            for s in diagnosis.symptoms
        ],
        "executions": [_execution(execution) for execution in cycle.executions],
        "effects": [
            {
                "execution": e.execution,
                "service": e.service,
                "latency_p95_before_ms": e.latency_p95_before_ms,
                "latency_p95_after_ms": e.latency_p95_after_ms,
                "error_percent_before": e.error_percent_before,
                "error_percent_after": e.error_percent_after,
                "latency_p95_predicted_ms": e.latency_p95_predicted_ms,
                "error_percent_predicted": e.error_percent_predicted,
                "sentence": e.sentence,
            }
            for e in cycle.effects
        ],
        "record": dumps(record, Record),
    }


def run_row(run: RunStarted, started_at_us: int) -> dict[str, Any]:
    """The one row that says what a run was, `started_at_us` being microseconds since 1970 in UTC."""
    return {
        "schema_version": SCHEMA_VERSION,
        "run": run.run,
        "started_at": started_at_us,
        "mesh": run.mesh,
        "seed": run.seed,
        "planner": run.planner,
        "mode": run.mode.value,
        "period_s": run.period_s,
        "scenario": run.scenario.name,
        "speed": run.scenario.speed,
        "run_record": dumps(run, RunStarted),
    }


def _latency(latency: Latency) -> dict[str, Any]:
    return {
        "latency_n": latency.n,
        "latency_p50_ms": latency.p50_ms,
        "latency_p95_ms": latency.p95_ms,
        "latency_p99_ms": latency.p99_ms,
    }


def _edge(edge: EdgeObservation) -> dict[str, Any]:
    return {
        "source": edge.edge.source,
        "service": edge.edge.service,
        "workload": edge.edge.workload,
        "requests_per_s": edge.requests_per_s,
        "failures_per_s": edge.failures_per_s,
        **_latency(edge.latency),
        "in_flight": edge.in_flight,
        "retries_per_s": edge.retries_per_s,
        "timeouts_per_s": edge.timeouts_per_s,
        "ejected": edge.ejected,
        "weight_percent": edge.weight_percent,
        "share_percent": edge.share_percent,
    }


def _execution(execution: Execution) -> dict[str, Any]:
    return {
        "id": execution.id,
        "origin": execution.origin.value,
        "action": describe(execution.action),
        "target": target(execution.action),
        "command": execution.command,
        "outcome": execution.outcome.value,
        "reason": execution.reason,
        "at_s": execution.at_s,
        "effective_after_ms": execution.effective_after_ms,
    }
