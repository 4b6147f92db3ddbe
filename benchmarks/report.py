"""How a benchmark prints: what was measured, the target, and whether it is met."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number and its target."""

    what: str
    measured: str
    bar: str
    met: bool | None
    """None where there is no target."""


def spread(values: Sequence[float], unit: str) -> str:
    """Median, 90th percentile, maximum and the number of values."""
    ninth = quantiles(values, n=10)[-1] if len(values) > 1 else values[0]
    return f"p50 {median(values):.1f}  p90 {ninth:.1f}  max {max(values):.1f} {unit}  (n {len(values)})"


def show(title: str, figures: Sequence[Figure]) -> int:
    """Print the figures; the exit code of the benchmark, 1 when a target is missed."""
    table = Table("what", "measured", "target", "", title=title, title_justify="left")
    for figure in figures:
        mark = {True: "[green]met[/]", False: "[red]missed[/]", None: ""}[figure.met]
        table.add_row(figure.what, figure.measured, figure.bar, mark)
    Console(width=None if Console().is_terminal else 120).print(table)
    return int(any(figure.met is False for figure in figures))
