"""A comparison as Parquet: `outcomes.parquet`, a row per run, and `series.parquet`, a row per cycle."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import polars as pl

from marskit.compare.jobs import Measured


def write_parquet(folder: Path, measured: Sequence[Measured]) -> None:
    """Write both files into `folder`."""
    outcomes, series = [], []
    for run in measured:
        row = asdict(run)
        points = row.pop("points")
        outcomes.append(row)
        key = {"planner": run.planner, "scenario": run.scenario, "seed": run.seed}
        series += [{**key, **point} for point in points]
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("outcomes", outcomes), ("series", series)):
        temporary = folder / f"{name}.tmp"
        pl.DataFrame(rows, infer_schema_length=None).write_parquet(temporary)
        temporary.replace(folder / f"{name}.parquet")
