"""The applied actions, classified by kind."""

from collections.abc import Sequence

import polars as pl

from marskit.knowledge.questions.source import Tables

_SCALE = r"^scale (.+) to (\d+)$"


def applied(tables: Tables, runs: Sequence[str] | None = None) -> pl.LazyFrame:
    """Every applied action, with its description in `words` and its kind in `action`.

    Further columns: `run`, `cycle`, `at_s`, `execution`, `origin`, `target`. The kind is the beginning of
    `domain.actions.describe`; the direction of a scaling comes from the workload's replicas at the time of
    the decision.
    """
    executions = (
        tables.scan("executions", runs)
        .filter(pl.col("outcome") == "applied")
        .select(
            "run",
            "cycle",
            "at_s",
            "execution",
            "origin",
            pl.col("action").alias("words"),
            "target",
            pl.col("action").str.extract(_SCALE, 1).alias("workload"),
            pl.col("action").str.extract(_SCALE, 2).cast(pl.Int64).alias("to"),
        )
    )
    before = tables.scan("workloads", runs).select("run", "cycle", "workload", "replicas_desired")
    # Only the few scalings, not all observations, are kept in memory.
    at = executions.filter(pl.col("workload").is_not_null()).select("run", "cycle", "workload").unique()
    before = before.join(at, on=["run", "cycle", "workload"], how="semi")
    to, now = pl.col("to"), pl.col("replicas_desired")
    scaling = (
        pl.when(to > now).then(pl.lit("scale up")).when(to < now).then(pl.lit("scale down"))
    ).otherwise(pl.lit("scale"))
    words = pl.col("words")
    kind = (
        pl.when(pl.col("workload").is_not_null())
        .then(scaling)
        .when(words.str.starts_with("shift "))
        .then(pl.lit("shift traffic"))
        .when(words.str.starts_with("eject "))
        .then(pl.lit("set outlier detection"))
        .otherwise(words.str.extract(r"^((?:set|remove) [a-z ]+?) of "))
    )
    return executions.join(before, on=["run", "cycle", "workload"], how="left").select(
        "run",
        "cycle",
        "at_s",
        "execution",
        "origin",
        "words",
        pl.coalesce(kind, words).alias("action"),
        "target",
    )
