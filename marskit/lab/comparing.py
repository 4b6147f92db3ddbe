"""Planners on identical load, compared from a notebook or a script."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from marskit.compare.child import Ended, Remark, Told, comparison
from marskit.compare.jobs import Measured
from marskit.compare.summary import Summary, summarise
from marskit.compare.table import NOTE, summary_table, table_title
from marskit.lab.inputs import LabError, mesh_name
from marskit.pictures.bundle import Bundle, of_document
from marskit.plugins.base import Planner
from marskit.plugins.by_value import planner_name
from marskit.system.worker import completed
from marskit.views.document import Document, Heading, Sentence
from marskit.views.tone import SYMBOLS, Tone

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome of a comparison."""

    summary: Summary
    """Each planner's figures with intervals, and the Pareto front."""
    measured: tuple[Measured, ...]
    """The figures of every run."""
    failed: tuple[str, ...]
    """The runs that could not be measured, and why; their scenarios are left out."""
    remarks: tuple[str, ...]
    report: Path
    """The whole report as a page, with Parquet files beside it."""

    def frame(self, table: str = "outcomes") -> "pl.DataFrame":
        """A table of the comparison: `outcomes`, a row for each run, or `series`, a row for each cycle."""
        import polars as pl

        if table not in ("outcomes", "series"):
            raise LabError(f"There is no table {table!r}; choose outcomes or series.")
        return pl.read_parquet(self.report.with_name(f"{table}.parquet"))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        failed = (Sentence(each, Tone.BAD, SYMBOLS[Tone.BAD]) for each in self.failed)
        words = (f"{NOTE} {self.summary.caveat}".rstrip(), *self.remarks, f"Report: {self.report}")
        document: Document = (
            *failed,
            Heading(table_title(self.summary)),
            summary_table(self.summary, between=" "),
            *(Sentence(each, Tone.DIM) for each in words),
        )
        return of_document(document)


def compare(
    planners: Sequence[str | type[Planner]],
    scenarios: Sequence[str] = ("spike",),
    seeds: Sequence[int] = (0, 1, 2),
    *,
    mesh: str = "twin",
    engine: str = "requests",
    manifests: Sequence[str | Path] = (),
    mapping: str | Path | None = None,
    card: str | Path | None = None,
    out: str | Path = "comparison",
    tell: bool = True,
) -> Comparison:
    """Run every planner on every scenario with every seed, in processes of their own, and compare them.

    All of them meet the same arrivals. An interrupt (Ctrl-C) ends all runs.

    >>> import marskit as mk
    >>> comparison = mk.compare(["static", "demand"], ["spike"], [1], engine="fast", tell=False)
    >>> static, demand = comparison.measured
    >>> demand.violation_minutes < static.violation_minutes
    True

    Args:
        planners: Names, `FILE.py:CLASS` or classes; `hpa-tuned` is tuned first, on other loads.
        scenarios: Names of shipped scenarios, or files.
        seeds: One run for each.
        mesh: `twin`, or `envoy`, where the runs follow one another in real time.
        engine: The twin's engine, `requests` or `fast`.
        manifests: Other manifests than the demo's.
        mapping: The mapping file of those.
        card: The twin's calibration card.
        out: The folder for the report and its data.
        tell: Whether each run is named on standard error when it ends.

    Raises:
        UserError: Something given cannot be used, or no run could be measured.
    """
    folder = Path(out).absolute()
    options = {
        "--planners": ",".join(planner_name(each) for each in planners),
        "--scenarios": ",".join(scenarios),
        "--seeds": ",".join(str(seed) for seed in seeds),
        "--mesh": mesh_name(mesh),
        "--engine": engine,
        "--mapping": mapping,
        "--card": card,
        "--out": folder,
    }
    arguments = [part for name, value in options.items() if value is not None for part in (name, str(value))]
    if manifests:
        arguments += ["--manifests", *map(str, manifests)]
    ended: list[Ended] = []
    remarks: list[str] = []

    def note(told: Told) -> None:
        match told:
            case Remark(sentence):
                remarks.append(sentence)
            case Ended(name, of, _, reason):
                ended.append(told)
                if tell:
                    words = f"{name} failed: {reason}" if reason else name
                    print(f"{len(ended)} of {of}: {words}", file=sys.stderr, flush=True)

    completed(partial(comparison, arguments, note), "marskit-compare")
    failed = tuple(f"{each.name} failed: {each.reason}" for each in ended if each.measured is None)
    named = [planner_name(each) for each in planners]
    found = sorted(
        (each.measured for each in ended if each.measured is not None),
        key=lambda run: (
            run.scenario,
            named.index(run.planner) if run.planner in named else len(named),
            run.seed,
        ),
    )
    complete = _complete(found, len(planners) * len(seeds))
    if not complete:
        raise LabError(failed[0] if failed else "No run could be measured.")
    return Comparison(summarise(complete), complete, failed, tuple(remarks), folder / "report.html")


def _complete(measured: Sequence[Measured], each: int) -> tuple[Measured, ...]:
    """The runs of the scenarios that every planner finished, in their order."""
    count = {run.scenario: sum(other.scenario == run.scenario for other in measured) for run in measured}
    return tuple(run for run in measured if count[run.scenario] == each)
