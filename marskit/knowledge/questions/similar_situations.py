"""Past situations similar to one of a run: the actions taken then, and the outcome."""

from collections.abc import Sequence
from dataclasses import asdict

import polars as pl

from marskit.knowledge.questions.situation_index import SituationIndex
from marskit.knowledge.questions.source import Tables

COLUMNS = {
    "run": "the similar run",
    "cycle": "its cycle",
    "distance": "root mean square of the differences, each in robust standard deviations",
    "done": "the actions applied in that cycle",
    "utility_per_s": "then",
    "utility_after_per_s": "mean over the following cycles",
    "violation_minutes_after": "scenario minutes of the following cycles with an SLO violation",
    "cycles_after": "number of following cycles",
}


def similar_situations(
    tables: Tables, run: str, cycle: int, *, k: int = 10, after: int = 10, runs: Sequence[str] | None = None
) -> pl.LazyFrame:
    """The `k` past situations most similar to that of a cycle, closest first; columns: `COLUMNS`.

    `SituationIndex` answers many such queries from memory. A situation consists of the load, its trend,
    utilisation and ready replicas of every workload, p95 against every objective and the weights; distances
    are in robust standard deviations (`situation_features`).

    Args:
        run: The run with the situation to compare.
        cycle: Its cycle.
        k: Number of situations to return.
        after: Number of cycles to follow each of them.
        tables: What was recorded.
        runs: Search only these; the run itself is always included.

    Raises:
        KnowledgeError: The run has no such cycle.
    """
    index = SituationIndex.build(tables, None if runs is None else sorted({*runs, run}))
    found = index.nearest(index.situation(run, cycle), k=k, after=after, before=(run, cycle))
    rows = [{**asdict(similar), "done": "; ".join(similar.done)} for similar in found]
    real, whole = pl.Float64(), pl.Int64()
    schema = dict.fromkeys(COLUMNS, real) | {"run": pl.String(), "done": pl.String()}
    return pl.LazyFrame(rows, schema=schema | {"cycle": whole, "cycles_after": whole})
