"""The results of each planner on runs that had the same arrivals."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from marskit.knowledge.questions.source import Tables, heads, known
from marskit.statistics import Estimate, Values, estimate, mean_difference

FIGURES = {
    "violation_minutes": "scenario minutes with an SLO violation of any service",
    "replica_minutes": "scenario minutes of ready replicas",
    "failed_requests": "users' requests that failed",
    "actions": "applied",
    "utility_per_s": "mean over the run",
}
_AGAINST = ("violation_minutes", "replica_minutes", "utility_per_s")
COLUMNS = {
    "mesh": "the mesh they ran on",
    "scenario": "the load",
    "planner": "the planner",
    "runs": "compared runs, one for each seed and speed that all of these planners ran",
    **{
        f"{figure}{end}": meaning
        for figure, title in FIGURES.items()
        for end, meaning in {
            "": f"{title}: interquartile mean over runs",
            "_low": "lower bound of its 95 % interval",
            "_high": "upper bound; empty with one run",
        }.items()
    },
    "baseline": "the planner that the next columns refer to",
    **{
        f"{figure}_against{end}": meaning
        for figure in _AGAINST
        for end, meaning in {
            "": "mean difference from the baseline on the same arrivals",
            "_low": "lower bound of its 95 % interval",
            "_high": "upper bound; empty with one run",
        }.items()
    },
}
_PLACE = ("mesh", "scenario")
_ARRIVALS = ("speed", "seed")
_WHOLE = 0.98
"""Share of the longest run's scenario time below which a run counts as cut short."""


def compare_policies(
    tables: Tables,
    *,
    planners: Sequence[str] | None = None,
    baseline: str = "hpa",
    runs: Sequence[str] | None = None,
) -> pl.LazyFrame:
    """The headline figures of every planner, by mesh and scenario; columns: `COLUMNS`.

    Only runs with identical arrivals are compared: for each mesh and scenario, the seeds and speeds that
    every planner ran there. Runs whose planner, scenario or load a person changed, and those cut short, are
    left out. Repeated runs of one planner on the same arrivals count as their mean. Interquartile means and
    bootstrap intervals are those of `marskit.statistics` (Agarwal et al. 2021).

    Args:
        tables: What was recorded.
        planners: Only these; a planner that ran few seeds limits the others to them.
        baseline: The planner that differences refer to, if it ran there; else the first by name.
        runs: Only these.
    """
    measured = _measured(tables, runs)
    if planners is not None:
        measured = measured.filter(pl.col("planner").is_in(planners))
    rivals = pl.col("planner").n_unique()
    shared = measured.filter(rivals.over(*_PLACE, *_ARRIVALS) == rivals.over(_PLACE)).sort(
        *_PLACE, "planner", *_ARRIVALS
    )
    rows = []
    for (mesh, scenario), place in shared.group_by(_PLACE, maintain_order=True):
        by_planner = {str(name): part for (name,), part in place.group_by("planner", maintain_order=True)}
        base = baseline if baseline in by_planner else next(iter(by_planner))
        for planner, part in by_planner.items():
            row = {
                "mesh": mesh,
                "scenario": scenario,
                "planner": planner,
                "runs": part.height,
                "baseline": base,
            }
            for figure in FIGURES:
                row |= _with_bounds(figure, estimate([_values(part, figure)]))
            for figure in _AGAINST:
                theirs = _values(by_planner[base], figure)
                row |= _with_bounds(f"{figure}_against", mean_difference([_values(part, figure)], [theirs]))
            rows.append(row)
    text = dict.fromkeys((*_PLACE, "planner", "baseline"), pl.String())
    return pl.LazyFrame(rows, schema=dict.fromkeys(COLUMNS, pl.Float64()) | text | {"runs": pl.Int64()})


def _measured(tables: Tables, runs: Sequence[str] | None) -> pl.DataFrame:
    """The figures of every comparable run, one row for each planner and arrivals."""
    covers, minutes = pl.col("covers_s"), pl.col("covers_s") * pl.col("speed") / 60.0
    changed = pl.any_horizontal(
        *(pl.col(name).min() != pl.col(name).max() for name in ("planner", "scenario", "speed")),
        (known("load_factor") != 1.0).any(),
    )
    # A run's planner, scenario and speed are those of its description: one row has them all.
    figures = (
        tables.scan("cycles", runs)
        .group_by("run")
        .agg(
            changed.alias("changed"),
            minutes.sum().alias("minutes"),
            (minutes * (pl.col("slo_met") == pl.lit(False))).sum().alias("violation_minutes"),
            (minutes * pl.col("replicas_ready")).sum().alias("replica_minutes"),
            known("failed_requests").sum().alias("failed_requests"),
            pl.col("actions").sum().cast(pl.Float64),
            ((known("utility_per_s") * covers).sum() / covers.sum()).alias("utility_per_s"),
        )
        .filter(~pl.col("changed"))
        .collect(engine="streaming")
    )
    whole = pl.col("minutes") >= _WHOLE * pl.col("minutes").max().over(*_PLACE, "speed")
    return (
        figures.join(heads(tables, runs), on="run")
        .filter(whole)
        .group_by(*_PLACE, *_ARRIVALS, "planner")
        .agg(pl.col(*FIGURES).mean())
    )


def _values(runs: pl.DataFrame, figure: str) -> Values:
    return np.asarray(runs[figure].to_numpy(), np.float64)


def _with_bounds(name: str, found: Estimate) -> dict[str, float | None]:
    """The estimate with its bounds, which need more than one run."""
    sure = found.n > 1
    return {
        name: found.value,
        f"{name}_low": found.low if sure else None,
        f"{name}_high": found.high if sure else None,
    }
