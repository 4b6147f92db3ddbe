"""A comparison as Parquet: `outcomes.parquet`, a row per run, `series.parquet`, a row per cycle.

A search for the tuned autoscaler adds `tuning.parquet`, a row per point of the grid.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import polars as pl

from marskit.compare.jobs import Measured
from marskit.compare.tuning import Search


def write_parquet(folder: Path, measured: Sequence[Measured], search: Search | None = None) -> None:
    """Write the files into `folder`."""
    outcomes, series = [], []
    for run in measured:
        row = asdict(run)
        points = row.pop("points")
        del row["conduct"]
        outcomes.append(row)
        key = {"planner": run.planner, "scenario": run.scenario, "seed": run.seed}
        series += [{**key, **point} for point in points]
    folder.mkdir(parents=True, exist_ok=True)
    tables = {"outcomes": outcomes, "series": series}
    if search is not None:
        tables["tuning"] = [asdict(tuning) for tuning in search.tunings]
    for name, rows in tables.items():
        temporary = folder / f"{name}.tmp"
        pl.DataFrame(rows, infer_schema_length=None).write_parquet(temporary)
        temporary.replace(folder / f"{name}.parquet")
