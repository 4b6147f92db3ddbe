"""The tables of one recorded run as Polars frames."""

from pathlib import Path
from typing import TYPE_CHECKING

from marskit.knowledge.format.tables import TABLES
from marskit.knowledge.read.dataset import Dataset
from marskit.lab.inputs import LabError

if TYPE_CHECKING:
    import polars as pl


def frame(runs: str | Path, run: str, table: str) -> "pl.DataFrame":
    """That table of that run, sorted by cycle.

    Raises:
        LabError: No table has that name, or a part of it cannot be read.
    """
    if table not in TABLES:
        raise LabError(f"There is no table {table!r}; choose one of {', '.join(TABLES)}.")
    dataset = Dataset(runs)
    found = dataset.scan(table, [run]).collect()
    if dataset.damaged:
        raise LabError(" ".join(dataset.damaged))
    return found
