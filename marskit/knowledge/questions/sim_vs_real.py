"""The error of the twin compared with the real mesh, on the same arrivals."""

from collections.abc import Iterator, Sequence

import polars as pl

from marskit.knowledge.questions.medians import medians_by
from marskit.knowledge.questions.slo_compliance import bucket
from marskit.knowledge.questions.source import A_RUN, Tables, cycle_key, heads, known, log_bin, trusted_p95_ms

_METRICS = {"p50_ms": "p50", "p95_ms": "p95", "requests_per_s": "rate"}
COLUMNS = {
    "service": "the service",
    "load_from_per_s": "lower bound of the load level, in requests per second offered to the real mesh",
    "runs": "pairs of scenario, speed, seed and planner that both meshes ran",
    "stretches": "stretches of scenario time that both observed",
    **{
        f"{short}_{name}": meaning
        for short in _METRICS.values()
        for name, meaning in {
            "bias_percent": "median of (twin - real) / real",
            "error_percent": "median of |twin - real| / real",
        }.items()
    },
}
TWIN = "twin"
LEVEL = 1.25
_PAIRS = 25
"""Number of pairs read at a time."""
_AT_ONCE = 2_000_000
"""Number of stretches up to which medians are found in memory, which is faster than reading twice."""
_KEYS = ("service", "load_from_per_s")
_ERRORS = tuple(f"{short}_{name}_percent" for short in _METRICS.values() for name in ("bias", "error"))
_RUN = ("scenario", "speed", "seed", "planner")


def sim_vs_real(
    tables: Tables, *, real: str = "envoy", bucket_s: float = 30.0, runs: Sequence[str] | None = None
) -> pl.LazyFrame:
    """The twin's error of p50, p95 and rate, by service and level of load; columns: `COLUMNS`.

    Runs of the same scenario, speed, seed and planner had the same arrivals. They are compared by stretches
    of scenario time, each the mean of the windows that end in it; repeated runs are averaged. A p95 counts if
    it rests on enough successes. The error is the median absolute percentage error.

    Args:
        tables: What was recorded.
        real: The mesh to compare the twin with.
        bucket_s: Length of a stretch in scenario seconds; a few control periods.
        runs: Only these.
    """
    was = heads(tables, runs).filter(pl.col("mesh").is_in([TWIN, real]))
    both = was.filter(pl.col("mesh").n_unique().over(_RUN) == 2).with_columns(
        pl.struct(_RUN).rank("dense").cast(pl.Int64).alias("pair")
    )
    some = [both.filter(pl.col("pair") // _PAIRS == number) for number in (both["pair"] // _PAIRS).unique()]

    def read() -> Iterator[pl.DataFrame]:
        # Without a pair there is one empty piece, which has the columns of the answer.
        for pairs in some or [both]:
            yield _errors(_stretches(tables, pairs, bucket_s))

    counted, kept, rows = [], list[pl.DataFrame](), 0
    for piece in read():
        runs_alike = pl.col("pair").n_unique().cast(pl.Int64).alias("runs")
        counted.append(piece.group_by(_KEYS).agg(runs_alike, pl.len().cast(pl.Int64).alias("stretches")))
        rows += piece.height
        kept.append(piece)
        if rows > _AT_ONCE:
            kept.clear()
    counts = pl.concat(counted).group_by(_KEYS).agg(pl.col("runs", "stretches").sum())
    if rows <= _AT_ONCE:
        medians = [pl.concat(kept).group_by(_KEYS).agg(pl.col(_ERRORS).median())]
    else:
        errors = medians_by(read, _KEYS, _ERRORS)
        medians = [
            errors.filter(metric=name).select(*_KEYS, pl.col("median").alias(name)) for name in _ERRORS
        ]
    for found in medians:
        counts = counts.join(found, on=_KEYS, how="left", nulls_equal=True)
    return counts.select(*COLUMNS).sort(_KEYS).lazy()


def _errors(stretches: pl.DataFrame) -> pl.DataFrame:
    """The twin's error in each stretch, by service and level of load."""
    level = (pl.lit(LEVEL) ** log_bin(pl.col("load"), LEVEL)).alias("load_from_per_s")
    off = {
        short: pl.when(pl.col(f"{name}_real") > 0).then(
            100.0 * (pl.col(f"{name}_twin") - pl.col(f"{name}_real")) / pl.col(f"{name}_real")
        )
        for name, short in _METRICS.items()
    }
    return stretches.select(
        "pair",
        "service",
        level,
        *(error.alias(f"{short}_bias_percent") for short, error in off.items()),
        *(error.abs().alias(f"{short}_error_percent") for short, error in off.items()),
    )


def _stretches(tables: Tables, both: pl.DataFrame, bucket_s: float) -> pl.DataFrame:
    """The values of twin and real mesh in every stretch of scenario time that both observed."""
    runs = both["run"].sort().to_list()
    number = pl.col("key") // A_RUN
    of_run = both.sort("run")
    pair, is_twin = pl.lit(of_run["pair"]), pl.lit(of_run["mesh"] == TWIN)
    cycles = (
        tables.scan("cycles", runs)
        .select(
            cycle_key(runs),
            (bucket(bucket_s) / bucket_s).cast(pl.Int64).alias("stretch"),
            known("offered_requests_per_s").alias("load"),
        )
        .filter(pl.col("stretch").is_not_null())
        .with_columns(pair.gather(number).alias("pair"), is_twin.gather(number).alias("twin"))
    )
    p50 = pl.when(pl.col("latency_n") > 0).then(known("latency_p50_ms"))
    services = tables.scan("services", runs).select(
        cycle_key(runs),
        "service",
        p50.alias("p50_ms"),
        trusted_p95_ms().alias("p95_ms"),
        known("requests_per_s").alias("requests_per_s"),
    )
    sides = {"twin": pl.col("twin"), "real": ~pl.col("twin")}
    return (
        services.join(cycles, on="key")
        .group_by("pair", "service", "stretch")
        .agg(
            *(
                pl.when(side).then(pl.col(name)).mean().alias(f"{name}_{which}")
                for name in _METRICS
                for which, side in sides.items()
            ),
            pl.when(sides["real"]).then(pl.col("load")).mean(),
            pl.col("twin").any().alias("seen_twin"),
            pl.col("twin").all().not_().alias("seen_real"),
        )
        .filter("seen_twin", "seen_real")
        .drop("seen_twin", "seen_real")
        .collect(engine="streaming")
    )
