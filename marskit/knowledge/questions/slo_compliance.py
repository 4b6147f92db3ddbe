"""How well each service met its SLO: by run, over scenario time or overall."""

from collections.abc import Sequence
from typing import Literal

import polars as pl

from marskit.knowledge.questions.source import Tables, chunks, cycle_key, known, percent

COLUMNS = {
    "run": "with `by=run`",
    "scenario": "with `by=time`",
    "from_s": "with `by=time`: start of the bucket, in scenario seconds",
    "service": "the service with the SLO",
    "windows": "cycles that observed it",
    "judged": "windows with enough requests to judge the SLO",
    "met": "windows that met it",
    "met_percent": "share of the judged windows that met it",
    "violation_minutes": "scenario minutes of windows that violated it",
    "requests": "requests in judged windows",
    "met_requests_percent": "the same share, weighted by requests",
    "good_requests_percent": "share of requests that succeeded within the latency limit",
    "budget_left_percent": "share of the error budget that is left; negative if overspent",
}
KEYS = {"run": ("run", "service"), "time": ("scenario", "from_s", "service"), "service": ("service",)}


def slo_compliance(
    tables: Tables,
    *,
    by: Literal["run", "time", "service"] = "run",
    bucket_s: float = 60.0,
    target_percent: float = 95.0,
    runs: Sequence[str] | None = None,
) -> pl.LazyFrame:
    """How well each service met its SLO; the columns are those of `COLUMNS`, the rows by `KEYS[by]`.

    A window counts for the time since the previous cycle (`covers_s`), so that overlapping windows count
    once. A bad request failed or was slower than the limit. The error budget is the share of requests that
    may be bad, 100 - `target_percent`, and its remainder is 1 - bad / (budget x requests), as in The
    Site Reliability Workbook (Beyer et al. 2018), chapters 2 and 5.

    Args:
        tables: What was recorded.
        by: The key of the rows, besides the service.
        bucket_s: The length of a bucket in scenario seconds, with `by="time"`.
        target_percent: The share of requests that must be good, below 100.
        runs: Only these.
    """
    if not 0 < target_percent < 100:
        raise ValueError(f"target_percent is {target_percent}; it must lie between 0 and 100")
    keys = KEYS[by]
    budget = 1.0 - target_percent / 100.0
    counted = [
        _counted(tables, by, bucket_s, some).collect(engine="streaming") for some in chunks(tables, runs)
    ]
    return (
        pl.concat(counted)
        .lazy()
        .group_by(keys)
        .agg(pl.all().sum())
        .select(
            *keys,
            "windows",
            "judged",
            "met",
            percent(pl.col("met"), pl.col("judged")).alias("met_percent"),
            "violation_minutes",
            "requests",
            percent(pl.col("_met"), pl.col("requests")).alias("met_requests_percent"),
            (100.0 - percent(pl.col("_bad"), pl.col("_told"))).alias("good_requests_percent"),
            (100.0 - percent(pl.col("_bad"), budget * pl.col("_told"))).alias("budget_left_percent"),
        )
        .sort(keys)
    )


def _counted(tables: Tables, by: str, bucket_s: float, runs: Sequence[str]) -> pl.LazyFrame:
    """The counts of these runs by the keys, to be added up."""
    cycles = tables.scan("cycles", runs).select(
        cycle_key(runs),
        "covers_s",
        (pl.col("covers_s") * pl.col("speed") / 60.0).alias("minutes"),
        *{
            "run": ("run",),
            "time": ("scenario", bucket(bucket_s).alias("from_s")),
            "service": (),
        }[by],
    )
    if by == "time":
        cycles = cycles.filter(pl.col("from_s").is_not_null())
    requests, failures = known("requests_per_s"), known("failures_per_s")
    answered = requests - failures
    services = (
        tables.scan("services", runs)
        .filter(pl.col("slo_latency_ms").is_not_null())
        .select(
            cycle_key(runs),
            "service",
            "slo_met",
            requests.alias("requests"),
            # Requests answered without a recorded latency cannot be judged.
            (
                failures
                + pl.when(answered <= 0).then(0.0).otherwise(answered * known("slow_percent") / 100.0)
            ).alias("bad"),
        )
    )
    covered = pl.col("covers_s")
    in_window = pl.col("requests") * covered
    met, judged = pl.col("slo_met"), pl.col("slo_met").is_not_null()
    return (
        services.join(cycles, on="key")
        .group_by(KEYS[by])
        .agg(
            pl.len().cast(pl.Int64).alias("windows"),
            judged.sum().cast(pl.Int64).alias("judged"),
            met.sum().cast(pl.Int64).alias("met"),
            (pl.col("minutes") * (met == pl.lit(False))).sum().alias("violation_minutes"),
            (in_window * judged).sum().alias("requests"),
            (in_window * met).sum().alias("_met"),
            (pl.col("bad") * covered).sum().alias("_bad"),
            (in_window * pl.col("bad").is_not_null()).sum().alias("_told"),
        )
    )


def bucket(bucket_s: float) -> pl.Expr:
    """Start of a cycle's bucket, in scenario seconds; null without load."""
    return (known("scenario_s") / bucket_s).floor() * bucket_s
