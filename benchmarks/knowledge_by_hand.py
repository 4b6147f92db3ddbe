"""The questions of `benchmarks.knowledge` once more, each as one would write it for this data alone.

Only the columns that are needed, everything in one pass, no runs left out, no numbers doubted.
"""

from pathlib import Path

import numpy as np
import polars as pl

from marskit.statistics import estimate, mean_difference

KEY = ["run", "cycle"]
SPAN, GAP = 3, 3
LAST = GAP + SPAN - 1


def scan(root: Path, table: str) -> pl.LazyFrame:
    return pl.scan_parquet(sorted(root.glob(f"run=*/{table}-*.parquet")), hive_partitioning=False)


def slo(root: Path) -> pl.DataFrame:
    cycles = scan(root, "cycles").select(*KEY, "covers_s", "speed")
    covers, requests, met = pl.col("covers_s"), pl.col("requests_per_s"), pl.col("slo_met")
    failed = pl.col("failures_per_s")
    bad = failed + (requests - failed) * pl.col("slow_percent") / 100
    return (
        scan(root, "services")
        .filter(pl.col("slo_latency_ms").is_not_null())
        .select(*KEY, "service", "slo_met", requests, bad.alias("bad"))
        .join(cycles, on=KEY)
        .group_by("run", "service")
        .agg(
            pl.len(),
            met.count().alias("judged"),
            met.sum().alias("met"),
            (covers * pl.col("speed") / 60 * ~met).sum().alias("violation_minutes"),
            (requests * covers).sum().alias("requests"),
            (requests * covers * met).sum().alias("met_requests"),
            (pl.col("bad") * covers).sum(),
        )
        .sort("run", "service")
        .collect(engine="streaming")
    )


def baselines(root: Path) -> pl.DataFrame:
    cycles = scan(root, "cycles").select(*KEY, "scenario", (pl.col("scenario_s") // 3600).alias("hour"))
    metrics = ("requests_per_s", "error_percent", "latency_p95_ms", "latency_p50_ms")
    return (
        scan(root, "services")
        .with_columns((100 * pl.col("failures_per_s") / pl.col("requests_per_s")).alias("error_percent"))
        .select(*KEY, "service", *metrics)
        .join(cycles, on=KEY)
        .group_by("service", "scenario", "hour")
        .agg(
            pl.col(metrics).median().name.suffix("_median"),
            (pl.col(metrics) - pl.col(metrics).median()).abs().median().name.suffix("_mad"),
            pl.len(),
        )
        .sort("service", "scenario", "hour")
        .collect(engine="streaming")
    )


def symptoms(root: Path) -> pl.DataFrame:
    pair = ["kind", "subject"]
    stood = scan(root, "symptoms").select(*KEY, *pair, "at_s").unique([*KEY, *pair])
    to = pl.col("action").str.extract(r"to (\d+)$").cast(pl.Int64)
    before = scan(root, "workloads").select(*KEY, "workload", "replicas_desired")
    acts = scan(root, "executions").select(
        *KEY, pl.col("at_s").alias("acted_s"), pl.lit("payments").alias("workload"), to.alias("to")
    )
    known = before.join(acts, on=[*KEY, "workload"], how="semi")
    acts = acts.join(known, on=[*KEY, "workload"]).with_columns(
        (pl.col("to") > pl.col("replicas_desired")).alias("up")
    )
    ranges = pl.int_ranges(pl.col("cycle") - 4, pl.col("cycle") + 1)
    seen = (
        acts.with_row_index("id")
        .with_columns(ranges.alias("cycle"))
        .explode("cycle", empty_as_null=False, keep_nulls=False)
        .join(stood, on=KEY)
        .group_by("id", "up", *pair)
        .agg((pl.col("acted_s") - pl.col("at_s")).max().alias("delay"))
        .group_by("up", *pair)
        .agg(pl.len(), pl.col("delay").median())
    )
    last = scan(root, "cycles").group_by("run").agg(pl.col("cycle").max().alias("last"))
    again = pl.col("cycle").shift(-1).over("run", *pair, order_by="cycle").fill_null(pl.col("last") + 1)
    base = (
        stood.join(last, on="run")
        .select(*pair, pl.min_horizontal(pl.lit(5), again - pl.col("cycle")).alias("stands"))
        .group_by(pair)
        .agg(pl.col("stands").sum())
    )
    counts = acts.group_by("up").agg(pl.len().alias("actions"))
    total = last.select(pl.col("last").sum())
    told = seen.join(counts, on="up").join(base, on=pair).join(total, how="cross")
    return told.sort("up", *pair).collect(engine="streaming")


def effects(root: Path) -> pl.DataFrame:
    def means(name: str, *of: str) -> list[pl.Expr]:
        mean = pl.col(name).rolling_mean(SPAN)
        return [mean.over(of).alias(f"{name}_before"), mean.shift(-LAST).over(of).alias(f"{name}_after")]

    def level(value: pl.Expr, ratio: float) -> pl.Expr:
        return (value.log() / float(np.log(ratio))).floor().cast(pl.Int32)

    heads = pl.scan_parquet(sorted(root.glob("run=*/_run*.parquet")), hive_partitioning=False)
    across = SPAN + LAST
    cycles = (
        scan(root, "cycles")
        .select(
            *KEY,
            "scenario",
            "replicas_ready",
            (pl.col("scenario_s") // 120).alias("phase"),
            level(pl.col("offered_requests_per_s"), 1.25).alias("load"),
            (pl.col("actions") > 0).alias("acts"),
            pl.col("actions").rolling_sum(across).shift(-LAST).over("run").alias("acted"),
            *means("utility_per_s", "run"),
        )
        .filter((pl.col("acted") == 0) | pl.col("acts"))
    )
    error = (100 * pl.col("failures_per_s") / pl.col("requests_per_s")).alias("error_percent")
    units = (
        scan(root, "services")
        .filter(pl.col("slo_latency_ms").is_not_null())
        .select(*KEY, "service", "slo_latency_ms", pl.col("latency_p95_ms").alias("p95_ms"), error)
        .select(
            *KEY,
            "service",
            "slo_latency_ms",
            *means("p95_ms", "run", "service"),
            *means("error_percent", "run", "service"),
        )
        .drop_nulls()
        .join(cycles, on=KEY)
        .join(heads.select("run", "mesh"), on="run")
        .with_columns(level(pl.col("p95_ms_before") / pl.col("slo_latency_ms"), 1.5).alias("slowness"))
        .collect()
    )
    outcomes = ("p95_ms", "error_percent", "utility_per_s")
    stratum = ["mesh", "scenario", "service", "phase", "load", "replicas_ready", "slowness"]
    change = [(pl.col(f"{o}_after") - pl.col(f"{o}_before")).alias(o) for o in outcomes]
    quiet = units.lazy().filter(pl.col("acted") == 0)
    cells = quiet.group_by(*stratum, "run").agg(pl.len().alias("n"), *(e.sum() for e in change)).collect()
    strata = cells.group_by(stratum).agg(
        pl.col("n").sum().alias("controls"),
        *((pl.col(o).sum() / pl.col("n").sum()).alias(f"{o}_c") for o in outcomes),
    )
    to = pl.col("action").str.extract(r"to (\d+)$").cast(pl.Int64)
    acts = scan(root, "executions").select(*KEY, pl.lit("payments").alias("workload"), to.alias("to"))
    workloads = scan(root, "workloads").select(*KEY, "workload", "replicas_desired")
    known = workloads.join(acts, on=[*KEY, "workload"], how="semi")
    up = (pl.col("to") > pl.col("replicas_desired")).alias("up")
    acting = acts.join(known, on=[*KEY, "workload"]).select(*KEY, up).collect(engine="streaming")
    matched = units.join(acting, on=KEY).with_columns(change).join(strata, on=stratum)
    of = ["up", "service"]
    effect = matched.group_by(of).agg(
        pl.len().alias("n"), *((pl.col(o) - pl.col(f"{o}_c")).mean().alias(f"{o}_effect") for o in outcomes)
    )
    own = (
        matched.join(effect, on=of)
        .group_by(*of, "run")
        .agg((pl.col(o) - pl.col(f"{o}_c") - pl.col(f"{o}_effect")).sum() for o in outcomes)
    )
    theirs = (
        matched.group_by(*of, *(name for name in stratum if name != "service"))
        .agg(pl.len().alias("treated"))
        .join(cells, on=stratum)
        .join(strata, on=stratum)
        .group_by(*of, "run")
        .agg(
            (pl.col("treated") / pl.col("controls") * (pl.col("n") * pl.col(f"{o}_c") - pl.col(o)))
            .sum()
            .alias(o)
            for o in outcomes
        )
    )
    variance = (
        pl.concat([own, theirs])
        .group_by(*of, "run")
        .agg(pl.col(o).sum() for o in outcomes)
        .group_by(of)
        .agg((pl.col(o) ** 2).sum() for o in outcomes)
    )
    return effect.join(variance, on=of).sort(of)


def policies(root: Path) -> pl.DataFrame:
    heads = pl.scan_parquet(sorted(root.glob("run=*/_run*.parquet")), hive_partitioning=False)
    covers = pl.col("covers_s")
    minutes = covers * pl.col("speed") / 60
    runs = (
        scan(root, "cycles")
        .group_by("run")
        .agg(
            (minutes * ~pl.col("slo_met")).sum().alias("violation_minutes"),
            (minutes * pl.col("replicas_ready")).sum().alias("replica_minutes"),
            pl.col("failed_requests").sum(),
            pl.col("actions").sum().cast(pl.Float64),
            ((pl.col("utility_per_s") * covers).sum() / covers.sum()).alias("utility_per_s"),
        )
        .join(heads.select("run", "mesh", "planner", "scenario", "seed"), on="run")
        .sort("mesh", "scenario", "planner", "seed")
        .collect(engine="streaming")
    )
    figures = ("violation_minutes", "replica_minutes", "failed_requests", "actions", "utility_per_s")
    rows = []
    for (mesh, scenario), place in runs.group_by(["mesh", "scenario"], maintain_order=True):
        shared = place.filter(pl.col("planner").n_unique().over("seed") == place["planner"].n_unique())
        parts = shared.partition_by("planner", as_dict=True)
        for (planner,), part in parts.items():
            told = {"mesh": mesh, "scenario": scenario, "planner": planner}
            for figure in figures:
                told[figure] = estimate([part[figure].to_numpy()]).value
            for figure in ("violation_minutes", "replica_minutes", "utility_per_s"):
                theirs = parts[("hpa",)][figure].to_numpy()
                told[f"{figure}_against"] = mean_difference([part[figure].to_numpy()], [theirs]).value
            rows.append(told)
    return pl.DataFrame(rows)


def sim_error(root: Path) -> pl.DataFrame:
    heads = pl.scan_parquet(sorted(root.glob("run=*/_run*.parquet")), hive_partitioning=False)
    pair = pl.struct("scenario", "seed", "planner").rank("dense").alias("pair")
    heads = heads.select("run", (pl.col("mesh") == "twin").alias("twin"), pair)
    cycles = (
        scan(root, "cycles")
        .select(
            *KEY,
            (pl.col("scenario_s") // 30).cast(pl.Int32).alias("stretch"),
            pl.col("offered_requests_per_s").alias("load"),
        )
        .join(heads, on="run")
    )
    names = ("latency_p50_ms", "latency_p95_ms", "requests_per_s")
    twin, real = pl.col("twin"), ~pl.col("twin")
    off = [100 * (pl.col(f"{n}_twin") / pl.col(f"{n}_real") - 1) for n in names]
    return (
        scan(root, "services")
        .select(*KEY, "service", *names)
        .join(cycles, on=KEY)
        .group_by("pair", "service", "stretch")
        .agg(
            *(pl.when(twin).then(pl.col(n)).mean().alias(f"{n}_twin") for n in names),
            *(pl.when(real).then(pl.col(n)).mean().alias(f"{n}_real") for n in names),
            pl.when(real).then(pl.col("load")).mean(),
        )
        .drop_nulls()
        .group_by("service", (pl.col("load").log() / float(np.log(1.25))).floor().alias("level"))
        .agg(
            pl.len(),
            *(e.median().alias(f"{n}_bias") for n, e in zip(names, off, strict=True)),
            *(e.abs().median().alias(f"{n}_error") for n, e in zip(names, off, strict=True)),
        )
        .sort("service", "level")
        .collect(engine="streaming")
    )


def similar(root: Path) -> pl.DataFrame:
    """The distances one number at a time, each added up over the rows of all cycles; then the ending."""
    load = pl.col("sent_requests_per_s").log1p()
    trend = (load - load.shift(4)).over("run")
    cycles = scan(root, "cycles").select(
        *KEY, load.alias("load"), trend.alias("trend"), "utility_per_s", "slo_met"
    )
    wide = cycles
    for workload in ("orders", "payments", "recommendations-food", "recommendations-music"):
        own = scan(root, "workloads").filter(pl.col("workload") == workload)
        wide = wide.join(
            own.select(*KEY, pl.col("utilisation", "replicas_ready").cast(pl.Float32).name.suffix(workload)),
            on=KEY,
            how="left",
            maintain_order="left",
        )
    for service in ("orders", "payments"):
        own = scan(root, "services").filter(pl.col("service") == service)
        slowness = (pl.col("latency_p95_ms") / pl.col("slo_latency_ms")).log().alias(f"p95{service}")
        wide = wide.join(own.select(*KEY, slowness), on=KEY, how="left", maintain_order="left")
    weight = scan(root, "edges").filter(pl.col("workload") == "recommendations-food")
    wide = wide.join(weight.select(*KEY, "weight_percent"), on=KEY, how="left", maintain_order="left")
    frame = wide.collect()
    row = frame.row(99, named=True)
    total = np.zeros(frame.height, np.float32)
    for name in set(frame.columns) - {*KEY, "utility_per_s", "slo_met"}:
        values = frame[name].to_numpy()
        known = values[~np.isnan(values)][::5]
        spread = 1.4826 * np.median(np.abs(known - np.median(known))) or 1.0
        total += np.nan_to_num((values - row[name]) / spread) ** 2
    nearest = np.argpartition(total, 190)[:190]
    return frame[nearest[np.argsort(total[nearest])]]


BY_HAND = {
    "slo": slo,
    "effects": effects,
    "symptoms": symptoms,
    "baselines": baselines,
    "similar": similar,
    "policies": policies,
    "sim-error": sim_error,
}
