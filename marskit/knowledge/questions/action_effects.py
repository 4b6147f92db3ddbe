"""The effect of each kind of action on latency, errors and utility, compared with matched controls."""

from collections.abc import Sequence

import polars as pl

from marskit.knowledge.questions.action_units import OUTCOMES, Calipers, EffectWindows, units
from marskit.knowledge.questions.actions import applied
from marskit.knowledge.questions.source import A_RUN, Tables, chunks, cycle_key, heads

_UNITS = {"p95_ms": "ms", "error_percent": "percentage points", "utility_per_s": "utility per second"}
_KEYS = ("action", "target", "service")

EFFECT_COLUMNS = {
    "action": "the kind of action",
    "target": "the object that was changed",
    "service": "the service with an SLO for which the effect is measured",
    "actions": "applied actions with enough data before and after",
    "alone": "actions without another one within their windows",
    "matched": "actions with at least one control",
    "runs": "runs with matched actions",
    "controls": "cycles without an action in similar situations, each counted once",
    **{
        f"{outcome}_{name}": meaning.format(unit)
        for outcome, unit in _UNITS.items()
        for name, meaning in {
            "before": "mean before the matched actions",
            "after": "mean after the matched actions",
            "effect": "change minus that of the controls, in {}",
            "effect_low": "lower bound of the effect's 95 % interval",
            "effect_high": "upper bound; empty with fewer than two runs",
        }.items()
    },
}
EACH_COLUMNS = {
    "run": "the run",
    "cycle": "the cycle that acted",
    "execution": "the execution's number in the run",
    "action": "the kind of action",
    "words": "the action itself",
    "target": "the object that was changed",
    "origin": "who requested it",
    "service": "the service with an SLO for which the effect is measured",
    "alone": "whether no other action lies within the windows",
    "controls": "cycles without an action in similar situations",
    **{
        f"{outcome}_{name}": meaning.format(unit)
        for outcome, unit in _UNITS.items()
        for name, meaning in {
            "before": "mean before, in {}",
            "after": "mean after",
            "control_change": "mean change of the controls; empty without one",
        }.items()
    },
}


def action_effects(
    tables: Tables,
    *,
    windows: EffectWindows = EffectWindows(),  # noqa: B008 # frozen
    calipers: Calipers = Calipers(),  # noqa: B008 # frozen
    runs: Sequence[str] | None = None,
) -> pl.LazyFrame:
    """The mean effect of each kind of action on each target, for every service with an SLO.

    The windows before and after every action are compared, and the mean change of its controls is subtracted:
    cycles without an action in either window that lie in the same stratum, see `Calipers`.
    That is coarsened exact matching (Iacus, King & Porro 2012; Stuart 2010 surveys the alternatives) with
    differences in differences, and it estimates the effect on the situations in which one acted (Rubin
    1974). Actions without a control are counted but excluded. Cycles of one run are not
    independent samples, so the interval is Student's with the variance of the sums of influences per run,
    controls included (Liang & Zeger 1986; Abadie & Spiess 2022).

    An action in a stratum with unobserved causes, such as a fault, may still be confounded.

    Args:
        tables: What was recorded.
        windows: The cycles to compare.
        calipers: How similar controls must be.
        runs: Only these, for actions and controls alike.
    """
    treated, cells = _seen(tables, windows, calipers, runs)
    strata = _strata(cells)
    matched = treated.join(strata, on="stratum")
    counted = treated.group_by(_KEYS).agg(
        pl.len().cast(pl.Int64).alias("actions"), pl.col("alone").sum().cast(pl.Int64)
    )
    gained = {
        o: pl.col(f"{o}_after") - pl.col(f"{o}_before") - pl.col(f"{o}_control_change") for o in OUTCOMES
    }
    means = matched.group_by(_KEYS).agg(
        pl.len().cast(pl.Int64).alias("matched"),
        pl.col("run").n_unique().cast(pl.Int64).alias("runs"),
        *(pl.col(f"{o}_{side}").mean() for o in OUTCOMES for side in ("before", "after")),
        *(gained[o].mean().alias(f"{o}_effect") for o in OUTCOMES),
    )
    weights = matched.group_by(*_KEYS, "stratum").agg(pl.len().alias("treated"))
    against = weights.join(cells, on="stratum").join(strata, on="stratum")
    controls = against.group_by(_KEYS).agg(pl.col("n").sum().cast(pl.Int64).alias("controls"))
    own = (
        matched.join(means.select(*_KEYS, *(f"{o}_effect" for o in OUTCOMES)), on=_KEYS)
        .group_by(*_KEYS, "run")
        .agg((gained[o] - pl.col(f"{o}_effect")).sum().alias(o) for o in OUTCOMES)
    )
    theirs = against.group_by(*_KEYS, "run").agg(
        (
            pl.col("treated")
            / pl.col("controls")
            * (pl.col("n") * pl.col(f"{o}_control_change") - pl.col(f"{o}_change"))
        )
        .sum()
        .alias(o)
        for o in OUTCOMES
    )
    squares = (
        pl.concat([own, theirs])
        .group_by(*_KEYS, "run")
        .agg(pl.col(o).sum() for o in OUTCOMES)
        .group_by(_KEYS)
        .agg((pl.col(o) ** 2).sum().alias(f"{o}_squares") for o in OUTCOMES)
    )
    answer = (
        counted.join(means, on=_KEYS, how="left")
        .join(controls, on=_KEYS, how="left")
        .join(squares, on=_KEYS, how="left")
    )
    return (
        answer.with_columns(pl.col("matched", "runs", "controls").fill_null(0))
        .with_columns(bound.alias(f"{o}_{name}") for o in OUTCOMES for name, bound in _interval(o).items())
        .select(*EFFECT_COLUMNS)
        .sort(_KEYS)
        .lazy()
    )


def actions_seen(
    tables: Tables,
    *,
    windows: EffectWindows = EffectWindows(),  # noqa: B008 # frozen
    calipers: Calipers = Calipers(),  # noqa: B008 # frozen
    runs: Sequence[str] | None = None,
) -> pl.LazyFrame:
    """Every action with the means before and after it, and the change of its controls.

    Matched as in `action_effects`; columns: `EACH_COLUMNS`.
    """
    treated, cells = _seen(tables, windows, calipers, runs)
    return (
        treated.join(_strata(cells), on="stratum", how="left")
        .with_columns(pl.col("controls").fill_null(0))
        .select(*EACH_COLUMNS)
        .sort("run", "cycle", "execution", "service")
        .lazy()
    )


def _seen(
    tables: Tables, windows: EffectWindows, calipers: Calipers, runs: Sequence[str] | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The actions with their windows, and the sums of the controls by stratum and run."""
    was = heads(tables, runs)
    treated, cells = [], []
    for some in chunks(tables, runs):
        all_units = units(tables, was, some, windows, calipers)
        acting = applied(tables, some).drop("at_s").with_columns(cycle_key(some)).collect(engine="streaming")
        alone = (pl.col("acted") == 1).alias("alone")
        treated.append(all_units.join(acting, on="key").with_columns(alone))
        change = ((pl.col(f"{o}_after") - pl.col(f"{o}_before")).sum().alias(f"{o}_change") for o in OUTCOMES)
        run = pl.lit(pl.Series(some, dtype=pl.String)).gather(pl.col("number")).alias("run")
        cells.append(
            all_units.lazy()
            .filter(pl.col("acted") == 0)
            .group_by("stratum", (pl.col("key") // A_RUN).alias("number"))
            .agg(pl.len().cast(pl.Int64).alias("n"), *change)
            .with_columns(run)
            .drop("number")
            .collect()
        )
    return pl.concat(treated), pl.concat(cells)


def _strata(cells: pl.DataFrame) -> pl.DataFrame:
    """The mean change and the number of the controls of each stratum."""
    n = pl.col("n").sum()
    return cells.group_by("stratum").agg(
        n.alias("controls"),
        *((pl.col(f"{o}_change").sum() / n).alias(f"{o}_control_change") for o in OUTCOMES),
    )


def _interval(outcome: str) -> dict[str, pl.Expr]:
    runs = pl.col("runs")
    error = (pl.col(f"{outcome}_squares") * runs / (runs - 1)).sqrt() / pl.col("matched")
    half = pl.when(runs > 1).then(_student(runs - 1) * error)
    effect = pl.col(f"{outcome}_effect")
    return {"effect_low": effect - half, "effect_high": effect + half}


def _student(freedom: pl.Expr) -> pl.Expr:
    """The 97.5 % quantile of Student's distribution, by Abramowitz & Stegun 26.7.5 from 3 degrees on."""
    z = 1.959963985
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    expanded = z + sum((term / freedom**power for power, term in enumerate(terms, 1)), pl.lit(0.0))
    return pl.when(freedom == 1).then(12.7062).when(freedom == 2).then(4.30265).otherwise(expanded)
