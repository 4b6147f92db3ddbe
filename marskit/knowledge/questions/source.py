"""The tables that questions read, and the expressions that they share."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import polars as pl

from marskit.domain.events import RunStarted
from marskit.domain.observation import TRUSTED_N

A_RUN = 1 << 32
"""An upper bound for the number of cycles of a run."""


class Tables(Protocol):
    """All runs as tables; `knowledge.dataset.Dataset` is one."""

    def runs(self) -> list[str]:
        """The ids of all runs, sorted."""
        ...

    def heads(self, runs: Sequence[str] | None = None) -> Iterator[RunStarted]:
        """The descriptions of all runs, or of those given, without unreadable ones."""
        ...

    def scan(self, table: str, runs: Sequence[str] | None = None) -> pl.LazyFrame:
        """The table of these runs, or of all, with the columns of `tables.table_schema(table)`.

        Its rows are sorted by run and cycle.
        """
        ...


def runs_of(tables: Tables, runs: Sequence[str] | None = None) -> list[str]:
    """The ids of these runs, or of all runs, sorted."""
    return sorted({*tables.runs()} if runs is None else {*runs})


def heads(tables: Tables, runs: Sequence[str] | None = None) -> pl.DataFrame:
    """The description of each run: `run`, `mesh`, `planner`, `scenario`, `speed`, `seed`."""
    rows = [
        (head.run, head.mesh, head.planner, head.scenario.name, head.scenario.speed, head.seed)
        for head in tables.heads(runs)
    ]
    schema = dict.fromkeys(("run", "mesh", "planner", "scenario"), pl.String())
    return pl.DataFrame(rows, schema={**schema, "speed": pl.Float64(), "seed": pl.Int64()}, orient="row")


def chunks(tables: Tables, runs: Sequence[str] | None, size: int = 50) -> Iterator[list[str]]:
    """The runs in groups of `size`: a question that treats runs separately then needs little memory."""
    chosen = runs_of(tables, runs)
    # Without a run there is one empty chunk, which has the columns of the answer.
    yield from (chosen[start : start + size] for start in range(0, max(1, len(chosen)), size))


def cycle_key(runs: Sequence[str]) -> pl.Expr:
    """One number for run and cycle, rising by one per cycle within a run: cheap to join by.

    The number of the run in `runs` is `key // A_RUN`.
    """
    number = pl.col("run").cast(pl.Enum(runs), strict=False).to_physical().cast(pl.Int64)
    return (number * A_RUN + pl.col("cycle")).alias("key")


def known(column: str) -> pl.Expr:
    """The column with NaN, which no comparison finds, replaced by null."""
    return pl.col(column).fill_nan(None)


def error_percent() -> pl.Expr:
    """The share of requests that failed, in percent; null without requests."""
    requests = known("requests_per_s")
    return pl.when(requests > 0).then(100.0 * known("failures_per_s") / requests)


def trusted_p95_ms() -> pl.Expr:
    """The p95 if it rests on enough successes, else null."""
    return pl.when(pl.col("latency_n") >= TRUSTED_N).then(known("latency_p95_ms"))


def percent(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    """`part` in percent of `whole`; null where that is 0."""
    return pl.when(whole > 0).then(100.0 * part / whole)


def log_bin(value: pl.Expr, ratio: float) -> pl.Expr:
    """The number of the bin; each spans a factor of `ratio`; null for 0 and below."""
    return pl.when(value > 0).then((value.log() / pl.lit(ratio).log()).floor().cast(pl.Int32))
