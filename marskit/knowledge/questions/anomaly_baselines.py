"""The usual value of each metric of each subject, by hour of the scenario or by load."""

from collections.abc import Iterator, Sequence
from typing import Literal

import polars as pl

from marskit.knowledge.questions.medians import medians_by
from marskit.knowledge.questions.slo_compliance import bucket
from marskit.knowledge.questions.source import (
    Tables,
    chunks,
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
    "load_from_per_s": "with `by=load`: lower bound of the level, in offered requests per second",
    "median": "in the metric's unit",
    "mad": "median absolute deviation from the median, unscaled, in the metric's unit",
    "n": "number of observations",
}
KEYS = {"hour": ("scenario", "hour"), "load": ("load_from_per_s",)}
LEVEL = 1.25
"""Ratio between the bounds of a level of load."""
HOUR_S = 3600.0

_AT_ONCE = 5_000_000
"""Number of rows up to which medians are found in memory, which is faster than reading twice."""
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

    Both tolerate that half of the observations are anomalies (Rousseeuw & Croux 1993). Both are
    exact; many observations are read in several passes, so that memory does not grow with them. Columns:
    `COLUMNS`, sorted by all but the last three.

    Args:
        tables: What was recorded.
        of: The kind of subject.
        by: Group by the hour of the scenario, or by levels of the offered load.
        metrics: Only these of `METRICS[of]`.
        runs: Only these.
    """
    chosen = tuple(metrics or METRICS[of])
    rows = tables.scan(of, runs).select(pl.len()).collect().item()
    if rows <= _AT_ONCE:
        return _told(tables, of, by, chosen, runs)
    return _in_passes(tables, of, by, chosen, runs)


def _told(
    tables: Tables, of: str, by: str, metrics: Sequence[str], runs: Sequence[str] | None
) -> pl.LazyFrame:
    keys = (*_SUBJECTS[of], *KEYS[by])
    found = (
        _observed(tables, of, by, metrics, runs_of(tables, runs))
        .group_by(keys)
        .agg(
            pl.struct(
                pl.lit(name).alias("metric"),
                pl.col(name).median().alias("median"),
                (pl.col(name) - pl.col(name).median()).abs().median().alias("mad"),
                pl.col(name).count().cast(pl.Int64).alias("n"),
            ).alias(name)
            for name in metrics
        )
    )
    long = pl.concat([found.select(*keys, pl.col(name).alias("found")) for name in metrics])
    return _answer(long.unnest("found").filter(pl.col("n") > 0), of, by)


def _in_passes(
    tables: Tables, of: str, by: str, metrics: Sequence[str], runs: Sequence[str] | None
) -> pl.LazyFrame:
    def read() -> Iterator[pl.DataFrame]:
        for some in chunks(tables, runs):
            yield _observed(tables, of, by, metrics, some).collect(engine="streaming")

    return _answer(medians_by(read, (*_SUBJECTS[of], *KEYS[by]), metrics).lazy(), of, by)


def _observed(tables: Tables, of: str, by: str, metrics: Sequence[str], runs: Sequence[str]) -> pl.LazyFrame:
    """The values of the metrics, one row for each observation of a subject."""
    when = {
        "hour": (pl.col("scenario"), (bucket(HOUR_S) / HOUR_S).cast(pl.Int64).alias("hour")),
        "load": (
            (pl.lit(LEVEL) ** log_bin(known("offered_requests_per_s"), LEVEL)).alias("load_from_per_s"),
        ),
    }
    key = cycle_key(runs)
    cycles = tables.scan("cycles", runs).select(key, *when[by]).drop_nulls()
    values = (METRICS[of][name].alias(name) for name in metrics)
    return tables.scan(of, runs).select(key, *_SUBJECTS[of], *values).join(cycles, on="key").drop("key")


def _answer(found: pl.LazyFrame, of: str, by: str) -> pl.LazyFrame:
    keys = KEYS[by]
    subject = pl.concat_str(*_SUBJECTS[of], separator=" → ").alias("subject")
    return found.select("metric", subject, *keys, "median", "mad", "n").sort("metric", "subject", *keys)
