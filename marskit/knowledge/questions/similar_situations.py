"""Past situations like one of a run: what was done then, and how it ended."""

from collections.abc import Sequence
from dataclasses import asdict

import polars as pl

from marskit.knowledge.questions.situation_index import SituationIndex
from marskit.knowledge.questions.source import Tables

COLUMNS = {
    "run": "the run of then",
    "cycle": "its cycle",
    "distance": "root mean square of the differences, each in spreads of its number",
    "done": "the actions applied in that cycle",
    "utility_per_s": "then",
    "utility_after_per_s": "its mean over the cycles after",
    "violation_minutes_after": "scenario minutes of the cycles after that missed an objective",
    "cycles_after": "how many cycles that rests on",
}


def similar_situations(
    tables: Tables, run: str, cycle: int, *, k: int = 10, after: int = 10, runs: Sequence[str] | None = None
) -> pl.LazyFrame:
    """The `k` past situations nearest to that of a cycle, the nearest first; columns: `COLUMNS`.

    See `SituationIndex`, which answers again and again from memory. A situation is the load, its trend,
    utilisation and ready replicas of every workload, p95 against every objective and the weights; distances
    are in robust spreads (`situation_features`).

    Args:
        tables: What was recorded.
        run: The run whose situation is looked for.
        cycle: The cycle of it.
        k: How many.
        after: How many cycles each of them is followed for.
        runs: Look among these only; the run itself is always among them.

    Raises:
        KnowledgeError: There is no such cycle.
    """
    index = SituationIndex.build(tables, None if runs is None else sorted({*runs, run}))
    found = index.nearest(index.situation(run, cycle), k=k, after=after, before=(run, cycle))
    rows = [{**asdict(similar), "done": "; ".join(similar.done)} for similar in found]
    real, whole = pl.Float64(), pl.Int64()
    schema = dict.fromkeys(COLUMNS, real) | {"run": pl.String(), "done": pl.String()}
    return pl.LazyFrame(rows, schema=schema | {"cycle": whole, "cycles_after": whole})
