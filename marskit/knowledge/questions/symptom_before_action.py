"""Symptoms that precede actions, and how much more often than they occur in general."""

from collections.abc import Sequence

import polars as pl

from marskit.knowledge.questions.actions import applied
from marskit.knowledge.questions.source import A_RUN, Tables, chunks, cycle_key

COLUMNS = {
    "symptom": "the kind of symptom",
    "subject": "the affected service, workload or edge",
    "action": "the kind of action",
    "target": "the object that was changed",
    "actions": "actions of that kind on that object",
    "preceded": "those preceded by the symptom",
    "preceded_percent": "their share",
    "base_percent": "share of all cycles preceded by the symptom",
    "lift": "ratio of preceded_percent to base_percent",
    "median_delay_s": "median of real seconds from the symptom's first such cycle to the action",
}
_SYMPTOM, _ACTION = ("symptom", "subject"), ("action", "target")
_RUN = (pl.col("key") // A_RUN).alias("number")


def symptom_before_action(
    tables: Tables, *, cycles: int = 5, runs: Sequence[str] | None = None
) -> pl.LazyFrame:
    """The symptoms within the last `cycles` cycles before each action, its own cycle included.

    Lift is P(symptom | action) / P(symptom), the interest of Silverstein et al. (1998); P(symptom) is
    the share of all cycles with it among their own and the preceding ones. A lift shows what occurred
    together, not what caused it. Columns: `COLUMNS`; the most frequent pairs come first.

    Args:
        tables: What was recorded.
        cycles: Number of cycles to look back, at least 1.
        runs: Only these.
    """
    if cycles < 1:
        raise ValueError(f"cycles is {cycles}; it must be at least 1")
    delays, counts, stands = [], [], []
    total = 0
    for some in chunks(tables, runs):
        key = cycle_key(some)
        cycle, symptom, done = pl.collect_all(
            [
                tables.scan("cycles", some).select(key),
                tables.scan("symptoms", some).select(
                    key, pl.col("kind").alias("symptom"), "subject", pl.col("at_s").alias("seen_s")
                ),
                applied(tables, some).select(key, "at_s", *_ACTION).with_row_index("id"),
            ]
        )
        lengths = cycle.group_by(_RUN).agg(
            pl.col("key").min().alias("first"), pl.col("key").max().alias("last")
        )
        total += lengths.select((pl.col("last") - pl.col("first") + 1).sum()).item()
        counts.append(done.group_by(_ACTION).len("actions"))
        delays.append(_delays(symptom, done, cycles))
        stands.append(_stands(symptom, lengths, cycles))
    base = pl.concat(stands).group_by(_SYMPTOM).agg(pl.col("stands").sum())
    return (
        pl.concat(delays)
        .explode("delay_s")
        .group_by(*_SYMPTOM, *_ACTION)
        .agg(pl.len().cast(pl.Int64).alias("preceded"), pl.col("delay_s").median().alias("median_delay_s"))
        .join(pl.concat(counts).group_by(_ACTION).agg(pl.col("actions").sum().cast(pl.Int64)), on=_ACTION)
        .join(base.with_columns((100.0 * pl.col("stands") / total).alias("base_percent")), on=_SYMPTOM)
        .with_columns((100.0 * pl.col("preceded") / pl.col("actions")).alias("preceded_percent"))
        .with_columns((pl.col("preceded_percent") / pl.col("base_percent")).alias("lift"))
        .select(*COLUMNS)
        .sort("preceded", *_SYMPTOM, *_ACTION, descending=[True, False, False, False, False])
        .lazy()
    )


def _delays(symptoms: pl.DataFrame, done: pl.DataFrame, cycles: int) -> pl.DataFrame:
    """For each symptom and action, the time from its first occurrence to each such action, as a list."""
    return (
        done.with_columns(pl.int_ranges(pl.col("key") - cycles + 1, pl.col("key") + 1).alias("key"))
        .explode("key", empty_as_null=False, keep_nulls=False)
        .join(symptoms, on="key")
        .group_by("id", *_ACTION, *_SYMPTOM)
        .agg((pl.col("at_s") - pl.col("seen_s")).max().alias("delay_s"))
        .group_by(*_SYMPTOM, *_ACTION)
        .agg("delay_s")
    )


def _stands(symptoms: pl.DataFrame, lengths: pl.DataFrame, cycles: int) -> pl.DataFrame:
    """The number of cycles that have the symptom among their own and the `cycles` - 1 before.

    Each occurrence covers the next `cycles` cycles, but only up to the next occurrence or the end of the run:
    adding up these stretches counts every cycle once.
    """
    again = pl.col("key").shift(-1).over(_SYMPTOM)
    until = pl.min_horizontal(pl.col("key") + cycles, "again", pl.col("last") + 1)
    return (
        symptoms.with_columns(again.alias("again"))
        .with_columns(_RUN)
        .join(lengths, on="number")
        .select(*_SYMPTOM, (until - pl.col("key")).alias("stands"))
        .group_by(_SYMPTOM)
        .agg(pl.col("stands").sum())
    )
