"""Which symptom stood before which action, and how much more often than at any time."""

from collections.abc import Sequence

import polars as pl

from marskit.knowledge.questions.actions import applied
from marskit.knowledge.questions.source import Tables

COLUMNS = {
    "symptom": "its kind",
    "subject": "the service, workload or edge that it is about",
    "action": "the kind of action",
    "target": "the object that was changed",
    "actions": "actions of that kind on that object",
    "preceded": "those before which the symptom stood",
    "preceded_percent": "their share",
    "base_percent": "the share of all cycles before which it stood",
    "lift": "how many times more often before the action than at any time",
    "median_delay_s": "real seconds from the first of these cycles that showed the symptom to the action",
}
_SYMPTOM, _ACTION = ("symptom", "subject"), ("action", "target")


def symptom_before_action(
    tables: Tables, *, cycles: int = 5, runs: Sequence[str] | None = None
) -> pl.LazyFrame:
    """Which symptom stood in the last `cycles` cycles before which action, the action's own one counting.

    Lift is P(symptom | action) / P(symptom), the interest of Silverstein et al. (1998); P(symptom) is
    the share of all cycles that have it among their own and the ones before. A lift says what went
    together, not what caused it. Columns: `COLUMNS`; the pairs seen most often come first.

    Args:
        tables: What was recorded.
        cycles: How far to look back, at least 1.
        runs: Only these.
    """
    if cycles < 1:
        raise ValueError(f"cycles is {cycles}; it must be at least 1")
    symptoms = (
        tables.scan("symptoms", runs)
        .select("run", "cycle", pl.col("kind").alias("symptom"), "subject", pl.col("at_s").alias("seen_s"))
        .unique(["run", "cycle", *_SYMPTOM], keep="any")
    )
    lengths = (
        tables.scan("cycles", runs)
        .group_by("run")
        .agg(pl.col("cycle").min().alias("first"), pl.col("cycle").max().alias("last"))
    )
    # Few, and needed twice.
    done = applied(tables, runs).select("run", "cycle", "at_s", *_ACTION).collect(engine="streaming").lazy()
    done = done.with_row_index("id")
    counts = done.group_by(_ACTION).agg(pl.len().cast(pl.Int64).alias("actions"))
    before = (
        done.with_columns(pl.int_ranges(pl.col("cycle") - cycles + 1, pl.col("cycle") + 1).alias("cycle"))
        .explode("cycle", empty_as_null=False, keep_nulls=False)
        .join(symptoms, on=["run", "cycle"])
        .group_by("id", *_ACTION, *_SYMPTOM)
        .agg((pl.col("at_s") - pl.col("seen_s")).max().alias("delay_s"))
        .group_by(*_SYMPTOM, *_ACTION)
        .agg(pl.len().cast(pl.Int64).alias("preceded"), pl.col("delay_s").median().alias("median_delay_s"))
    )
    return (
        before.join(counts, on=_ACTION)
        .join(_base(symptoms, lengths, cycles), on=_SYMPTOM)
        .with_columns((100.0 * pl.col("preceded") / pl.col("actions")).alias("preceded_percent"))
        .with_columns((pl.col("preceded_percent") / pl.col("base_percent")).alias("lift"))
        .select(*COLUMNS)
        .sort("preceded", *_SYMPTOM, *_ACTION, descending=[True, False, False, False, False])
    )


def _base(symptoms: pl.LazyFrame, lengths: pl.LazyFrame, cycles: int) -> pl.LazyFrame:
    """The share of all cycles that have the symptom among their own and the `cycles` - 1 before.

    Each time it was seen it stands so for the next `cycles` cycles, but no further than to where it is seen
    again or the run ends: adding up those stretches counts every cycle once.
    """
    total = lengths.select((pl.col("last") - pl.col("first") + 1).sum().alias("total"))
    again = pl.col("cycle").shift(-1).over("run", *_SYMPTOM, order_by="cycle")
    stands = pl.min_horizontal(pl.lit(cycles), pl.coalesce(again, pl.col("last") + 1) - pl.col("cycle"))
    return (
        symptoms.join(lengths, on="run")
        .select(*_SYMPTOM, stands.alias("stands"))
        .group_by(_SYMPTOM)
        .agg(pl.col("stands").sum())
        .join(total, how="cross")
        .select(*_SYMPTOM, (100.0 * pl.col("stands") / pl.col("total")).alias("base_percent"))
    )
