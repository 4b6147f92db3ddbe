"""Medians in several passes, held against NumPy's of all values at once."""

from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from marskit.knowledge.questions import medians
from marskit.knowledge.questions.medians import medians_by

SHAPES: dict[str, Callable[[np.random.Generator, int], NDArray[Any]]] = {
    "wide": lambda rng, n: rng.lognormal(3.0, 2.0, n),
    "narrow": lambda rng, n: 100.0 + 1e-9 * rng.standard_normal(n),
    "both signs": lambda rng, n: rng.standard_normal(n),
    "few": lambda rng, n: rng.integers(-2, 3, n) / 3.0,
    "mostly zero": lambda rng, n: np.where(rng.random(n) < 0.6, 0.0, rng.random(n)),
    "the same": lambda rng, n: np.full(n, 0.1),
}


@given(
    seed=st.integers(0, 10_000),
    shapes=st.tuples(st.sampled_from(sorted(SHAPES)), st.sampled_from(sorted(SHAPES))),
    sizes=st.lists(st.integers(0, 90), min_size=1, max_size=5),
    few=st.sampled_from((0, 20, 1000)),
)
@settings(max_examples=60, deadline=None)
def test_passes_find_what_a_sort_finds(
    seed: int, shapes: tuple[str, str], sizes: list[int], few: int
) -> None:
    rng = np.random.default_rng(seed)
    pieces = [
        pl.DataFrame(
            {
                "of": rng.choice(["a", "b"], size).astype(str),
                "hour": rng.integers(0, 2, size),
                **{
                    f"x{number}": pl.Series(SHAPES[shape](rng, size), dtype=pl.Float64).set(
                        pl.Series(rng.random(size) < 0.1, dtype=pl.Boolean), None
                    )
                    for number, shape in enumerate(shapes)
                },
            },
            schema_overrides={"of": pl.String},
        )
        for size in sizes
    ]
    reads = 0

    def read() -> Iterator[pl.DataFrame]:
        nonlocal reads
        reads += 1
        yield from pieces

    with patch("marskit.knowledge.questions.medians._FEW", few):
        found = medians_by(read, ("of", "hour"), ("x0", "x1"))
    expected = []
    for (of, hour), group in pl.concat(pieces).group_by("of", "hour"):
        for name in ("x0", "x1"):
            values = group[name].drop_nulls().to_numpy()
            if len(values):
                median = np.median(values)
                off = np.median(np.abs(values - median))
                expected.append((of, hour, name, median, off, len(values)))
    rows = found.select("of", "hour", "metric", "median", "mad", "n").sort("of", "hour", "metric")
    assert rows.rows() == sorted(expected)
    # Eight times finer, and each number is alone.
    assert reads <= 9


def test_only_what_may_lie_in_the_middle_is_looked_at_twice() -> None:
    values = np.random.default_rng(1).lognormal(3.0, 0.2, 200_000)
    seen = []

    def watched(wanted: pl.DataFrame) -> pl.DataFrame:
        seen.append(wanted["n"].sum())
        return wanted

    pieces = [pl.DataFrame({"of": ["a"] * len(part), "x": part}) for part in np.split(values, 4)]
    choose = medians._wanted
    with patch.object(medians, "_wanted", lambda cells: watched(choose(cells))):
        (row,) = medians_by(lambda: pieces, ("of",), ("x",)).to_dicts()
    median = float(np.median(values))
    assert (row["median"], row["mad"]) == (median, float(np.median(np.abs(values - median))))
    assert 0 < seen[0] < 0.1 * len(values)
    assert seen[1:] == [0]
