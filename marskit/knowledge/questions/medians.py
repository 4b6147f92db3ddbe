"""Exact medians, and median absolute deviations, of more values than fit into memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

_FIRST = 45
"""Bits of a number's 52-bit fraction that the first cells ignore: 128 cells per doubling."""
_FINER = 6
"""Bits added by each further pass: 64 times as many cells."""
_FEW = 2_000_000
"""Largest number of values of a metric that are compared one by one."""

_CELL = ("group", "cell")
Pieces = Callable[[], Iterable[pl.DataFrame]]


def medians_by(read: Pieces, keys: Sequence[str], metrics: Sequence[str]) -> pl.DataFrame:
    """The median, the `mad` around it and `n`, the count: one row for all of `keys` and each `metric`.

    Counting the values in cells of similar ones locates the middle. Only values in cells that may contain a
    median, or a value at the median deviation from it, are read again, in finer cells and at last one by one:
    selection in several passes (Munro & Paterson 1980). Memory holds one piece, some hundred cells for each
    group and metric, and at most `_FEW` values of each.

    Args:
        read: The values piece by piece, the same at every call: columns `keys`, which identify
            groups, and `metrics`, null where there is no value.
        keys: Names of the key columns.
        metrics: Names of the value columns; each is treated on its own.
    """
    groups = pl.DataFrame()

    def numbered() -> Iterator[pl.DataFrame]:
        nonlocal groups
        for piece in read():
            if not groups.height:
                groups = piece.clear().select(keys).with_row_index("group")
            found = _numbered(piece, groups, keys, metrics)
            if found["group"].null_count():
                new = (
                    piece.select(keys)
                    .unique(maintain_order=True)
                    .join(groups, on=keys, how="anti", nulls_equal=True)
                )
                groups = pl.concat([groups, new.with_row_index("group", groups.height)])
                found = _numbered(piece, groups, keys, metrics)
            yield found

    searches = {metric: _Search() for metric in metrics}
    going = searches
    while going:
        for piece in numbered():
            for metric, search in going.items():
                search.count(piece.select("group", pl.col(metric).alias("low")).drop_nulls())
        going = {metric: search for metric, search in going.items() if search.goes_on()}
    found = [search.result().with_columns(pl.lit(name).alias("metric")) for name, search in searches.items()]
    return groups.join(pl.concat(found), on="group").drop("group")


def _numbered(
    piece: pl.DataFrame, groups: pl.DataFrame, keys: Sequence[str], metrics: Sequence[str]
) -> pl.DataFrame:
    numbered = piece.lazy().join(groups.lazy(), on=keys, how="left", nulls_equal=True)
    return numbered.select("group", *metrics).collect()


class _Search:
    """Finds the median and the deviation of one metric in every group.

    A cell holds the values of a group that agree in all but their last bits; it keeps their number, the
    smallest and the largest.
    """

    def __init__(self) -> None:
        schema = {"group": pl.UInt32, "cell": pl.Int64, "n": pl.Int64, "low": pl.Float64, "high": pl.Float64}
        self._cells = self._counted = pl.DataFrame(schema=schema)
        self._wanted: pl.DataFrame | None = None
        self._shift = self._coarse = _FIRST

    def count(self, values: pl.DataFrame) -> None:
        """Count more values, `low`, of each `group`, in this pass."""
        if self._wanted is not None:
            values = _in_cells(values, self._coarse).join(self._wanted, on=_CELL, how="semi")
        found = (
            _in_cells(values, self._shift)
            .group_by(_CELL)
            .agg(pl.len().cast(pl.Int64).alias("n"), pl.col("low").min(), pl.col("low").max().alias("high"))
        )
        both = pl.concat([self._counted, found])
        self._counted = both.group_by(_CELL).agg(pl.col("n").sum(), pl.col("low").min(), pl.col("high").max())

    def goes_on(self) -> bool:
        """Whether another pass is needed; all values were counted in this one."""
        self._cells = pl.concat([self._cells, self._counted])
        self._counted = self._cells.clear()
        self._wanted = _wanted(self._cells)
        self._cells = self._cells.join(self._wanted, on=_CELL, how="anti")
        self._coarse = self._shift
        many = self._wanted["n"].sum() > _FEW
        self._shift = max(0, self._shift - _FINER) if many else 0
        return self._wanted.height > 0

    def result(self) -> pl.DataFrame:
        """The `median`, the `mad` and `n` of each `group`."""
        median = (pl.col("least") + pl.col("greatest")) / 2
        middle = _middle(self._cells, "low", "high").with_columns(median.alias("median"))
        off = _apart(self._cells.join(middle, on="group"), pl.col("median"), pl.col("median"))
        deviation = _middle(off, "near", "far").select("group", median.alias("mad"))
        return middle.join(deviation, on="group").select("group", "median", "mad", "n")


def _in_cells(values: pl.DataFrame, shift: int) -> pl.DataFrame:
    bits: NDArray[np.int64] = values["low"].to_numpy().view(np.int64)
    return values.with_columns(pl.Series("cell", bits >> shift))


def _wanted(cells: pl.DataFrame) -> pl.DataFrame:
    """The cells of different values that may contain a middle value, or one at the median deviation."""
    middle = _middle(cells, "low", "high").drop("n")
    placed = _apart(cells.join(middle, on="group"), pl.col("least"), pl.col("greatest"))
    off = _middle(placed, "near", "far").select("group", near_by="least", far_by="greatest")
    holds_middle = (pl.col("low") <= pl.col("greatest")) & (pl.col("high") >= pl.col("least"))
    as_far_off = (pl.col("near") <= pl.col("far_by")) & (pl.col("far") >= pl.col("near_by"))
    unlike = pl.col("low") < pl.col("high")
    return placed.join(off, on="group").filter(unlike, holds_middle | as_far_off).select(cells.columns)


def _apart(cells: pl.DataFrame, low: pl.Expr, high: pl.Expr) -> pl.DataFrame:
    """The cells with the range of their values' distances from the interval between `low` and `high`."""
    near = pl.max_horizontal(pl.col("low") - high, low - pl.col("high"), pl.lit(0.0))
    far = pl.max_horizontal(pl.col("high") - low, high - pl.col("low"))
    return cells.with_columns(near.alias("near"), far.alias("far"))


def _middle(cells: pl.DataFrame, low: str, high: str) -> pl.DataFrame:
    """Bounds of each group's middle, and its `n`; each value lies between low and high.

    An even number of values has two middles: `least` bounds one, `greatest` the other.
    """
    n, upto = pl.col("n").sum(), pl.col("n").cum_sum()

    def ranked(by: str, rank: pl.Expr, name: str) -> pl.DataFrame:
        reached = pl.col(by).filter(upto > rank).first().alias(name)
        return cells.sort(by).group_by("group", maintain_order=True).agg(reached, n.alias("n"))

    least = ranked(low, (n - 1) // 2, "least")
    return least.join(ranked(high, n // 2, "greatest").drop("n"), on="group")
