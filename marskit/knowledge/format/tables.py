"""The tables of the knowledge base: their columns, with units in the names, and their version.

Every table is hive-partitioned by `run` and sorted by `cycle`. Times `*_s` are real seconds of the run's
clock. `events` is the log; the others repeat parts of it, so that Polars, DuckDB, Spark or Trino can answer
without parsing JSON.
"""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

SCHEMA_VERSION = 4
"""Raised when a table or an event changes; readers refuse runs of any other version."""

TABLES = (
    "cycles",
    "services",
    "workloads",
    "edges",
    "symptoms",
    "candidates",
    "executions",
    "effects",
    "events",
)


LOG = "events"
"""The table that all others can be made from."""


@cache
def table_schema(table: str) -> "pl.Schema":
    """The columns of the files of that table; raises `KeyError` for an unknown table."""
    import polars as pl

    text, real, whole, flag = pl.String(), pl.Float64(), pl.Int64(), pl.Boolean()
    key = {"run": text, "cycle": whole, "at_s": real}
    latency = {"latency_n": whole, "latency_p50_ms": real, "latency_p95_ms": real, "latency_p99_ms": real}
    schemas = {
        # One row per cycle: its headline numbers.
        "cycles": {
            "schema_version": whole,
            "run": text,
            "cycle": whole,
            "at_s": real,
            "window_s": real,
            "scenario_s": real,
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
            "mesh_requests": whole,
            "mesh_failures": real,
            "client_offered": whole,
            "client_succeeded": whole,
            "client_failed": whole,
            "client_not_sent": whole,
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
        },
        # One row per service and cycle.
        "services": {
            **key,
            "service": text,
            "requests_per_s": real,
            "failures_per_s": real,
            **latency,
            "slow_percent": real,
            "slo_latency_ms": real,
            "slo_met": flag,
        },
        "workloads": {
            **key,
            "workload": text,
            "service": text,
            "replicas_desired": whole,
            "replicas_ready": whole,
            "requests_per_s": real,
            "utilisation": real,
            "queued": real,
        },
        "edges": {
            **key,
            "source": text,
            "service": text,
            "workload": text,
            "requests_per_s": real,
            "failures_per_s": real,
            **latency,
            "in_flight": whole,
            "retries_per_s": real,
            "timeouts_per_s": real,
            "ejected": whole,
            "weight_percent": whole,
            "share_percent": real,
        },
        # One row per symptom, the most severe first (rank 0), with its first evidence.
        "symptoms": {
            **key,
            "rank": whole,
            "kind": text,
            "severity": text,
            "subject": text,
            "metric": text,
            "value": real,
            "threshold": real,
            "n": whole,
            "sentence": text,
        },
        # The candidates: rank -1 is the chosen plan, -2 doing nothing, from 0 on the alternatives.
        "candidates": {
            **key,
            "planner": text,
            "rank": whole,
            "chosen": flag,
            "actions": text,
            "reason": text,
            "score": real,
            "predicted_p95_ms": real,
            "predicted_error_percent": real,
            "predicted_replicas": whole,
            "predicted_utility_per_s": real,
        },
        "executions": {
            **key,
            "execution": whole,
            "origin": text,
            "action": text,
            "target": text,
            "command": text,
            "outcome": text,
            "reason": text,
            "effective_after_ms": real,
        },
        "effects": {
            **key,
            "execution": whole,
            "service": text,
            "latency_p95_before_ms": real,
            "latency_p95_after_ms": real,
            "error_percent_before": real,
            "error_percent_after": real,
            "latency_p95_predicted_ms": real,
            "error_percent_predicted": real,
            "sentence": text,
        },
        # Every event of the run in order; seq counts from 0. `event` is lossless JSON (domain.events.Event).
        # `cycle` is the one under way, `scenario` and `speed` those in force; only a CycleCompleted covers
        # a stretch of time.
        "events": {
            **key,
            "seq": whole,
            "kind": text,
            "event": text,
            "scenario": text,
            "speed": real,
            "covers_s": real,
        },
    }
    return pl.Schema(schemas[table])


@cache
def run_schema() -> "pl.Schema":
    """The columns of the file that describes a run: one row."""
    import polars as pl

    text, real, whole, flag = pl.String(), pl.Float64(), pl.Int64(), pl.Boolean()
    return pl.Schema(
        {
            "schema_version": whole,
            "run": text,
            "started_at": pl.Datetime("us", "UTC"),
            "mesh": text,
            "is_simulated": flag,
            "seed": whole,
            "planner": text,
            "mode": text,
            "period_s": real,
            "scenario": text,
            "speed": real,
            "run_record": text,
        }
    )
