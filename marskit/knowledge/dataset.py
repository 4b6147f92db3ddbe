"""All runs under one folder as tables (stand-in)."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from marskit.knowledge.tables import table_schema

if TYPE_CHECKING:
    import polars as pl


class Dataset:
    """All runs under `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def scan(self, table: str, runs: Sequence[str] | None = None) -> "pl.LazyFrame":
        """The table of these runs, or of all."""
        import polars as pl

        schema = table_schema(table)
        folders = (
            sorted(self.root.glob("run=*"))
            if runs is None
            else [self.root / f"run={r}" for r in sorted(runs)]
        )
        files = [path for folder in folders for path in sorted(folder.glob(f"{table}-*.parquet"))]
        if not files:
            return pl.LazyFrame(schema=schema)
        return pl.scan_parquet(
            files, schema=schema, hive_partitioning=False, missing_columns="insert", extra_columns="ignore"
        )
