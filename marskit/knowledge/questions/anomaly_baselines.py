"""What is usual for each metric of each subject, by hour of the scenario or by load."""

from collections.abc import Sequence
from typing import Literal

import polars as pl

from marskit.knowledge.questions.slo_compliance import bucket
from marskit.knowledge.questions.source import (
    Tables,
    cycle_key,
    error_percent,
    known,
    log_bin,
    runs_of,
    trusted_p95_ms,
)

COLUMNS = {
    "metric": "the number, with its unit",
    "subject": "the service, workload or edge",
    "scenario": "with `by=hour`",
    "hour": "with `by=hour`: full hours of scenario time",
    "load_from_per_s": "with `by=load`: where the level begins, in offered requests per second",
    "median": "in the metric's unit",
    "mad": "median absolute deviation from the median, unscaled, in the metric's unit",
    "n": "observations behind both",
}
KEYS = {"hour": ("scenario", "hour"), "load": ("load_from_per_s",)}
LEVEL = 1.25
"""A level of load reaches to so many times where it begins."""
HOUR_S = 3600.0

_AT_ONCE = 20_000_000
"""Up to so many rows the medians of all metrics are looked for in one pass."""
_SUBJECTS = {"services": ("service",), "workloads": ("workload",), "edges": ("source", "workload")}
_FLOW = {
    "requests_per_s": known("requests_per_s"),
    "error_percent": error_percent(),
    "latency_p95_ms": trusted_p95_ms(),
}
METRICS = {
    "services": {**_FLOW, "latency_p50_ms": known("latency_p50_ms")},
    "workloads": {name: known(name) for name in ("requests_per_s", "utilisation", "queued")},
    "edges": _FLOW,
}


def anomaly_baselines(
    tables: Tables,
    *,
    of: Literal["services", "workloads", "edges"] = "services",
    by: Literal["hour", "load"] = "hour",
    metrics: Sequence[str] | None = None,
    runs: Sequence[str] | None = None,
) -> pl.LazyFrame:
    """The median and the MAD of each metric; a robust z-score is (value - median) / (MAD_TO_SIGMA * mad).

    Both withstand half of the observations being anomalies themselves (Rousseeuw & Croux 1993). Columns:
    `COLUMNS`, sorted by all but the last three.

    Args:
        tables: What was recorded.
        of: What the subjects are.
        by: Told apart by the hour of the scenario, or by levels of the offered load.
        metrics: Only these of `METRICS[of]`.
        runs: Only these.
    """
    chosen = tuple(metrics or METRICS[of])
    rows = tables.scan(of, runs).select(pl.len()).collect().item()
    if rows <= _AT_ONCE:
        return _told(tables, of, by, chosen, runs)
    # A median needs all values at once: of one metric, then of the next.
    return pl.concat(
        [_told(tables, of, by, (name,), runs).collect(engine="streaming") for name in sorted(chosen)]
    ).lazy()


def _told(
    tables: Tables, of: str, by: str, metrics: Sequence[str], runs: Sequence[str] | None
) -> pl.LazyFrame:
    keys = KEYS[by]
    chosen = {name: METRICS[of][name] for name in metrics}
    when = {
        "hour": (pl.col("scenario"), (bucket(HOUR_S) / HOUR_S).cast(pl.Int64).alias("hour")),
        "load": (
            (pl.lit(LEVEL) ** log_bin(known("offered_requests_per_s"), LEVEL)).alias("load_from_per_s"),
        ),
    }
    all_runs = runs_of(tables, runs)
    key = cycle_key(all_runs)
    cycles = tables.scan("cycles", all_runs).select(key, *when[by]).drop_nulls()
    observed = tables.scan(of, all_runs).select(
        key, *_SUBJECTS[of], *(e.alias(name) for name, e in chosen.items())
    )
    grouped = observed.join(cycles, on="key").group_by(*_SUBJECTS[of], *keys)
    told = grouped.agg(
        pl.struct(
            pl.lit(name).alias("metric"),
            pl.col(name).median().alias("median"),
            ((pl.col(name) - pl.col(name).median()).abs().median()).alias("mad"),
            pl.col(name).count().cast(pl.Int64).alias("n"),
        ).alias(name)
        for name in chosen
    )
    subject = pl.concat_str(*_SUBJECTS[of], separator=" → ").alias("subject")
    long = pl.concat([told.select(subject, *keys, pl.col(name).alias("told")) for name in chosen])
    return (
        long.unnest("told")
        .filter(pl.col("n") > 0)
        .select("metric", "subject", *keys, "median", "mad", "n")
        .sort("metric", "subject", *keys)
    )
