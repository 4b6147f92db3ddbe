"""Windows before and after every cycle, with and without actions, from which effects are estimated."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from marskit.knowledge.questions.source import (
    A_RUN,
    Tables,
    cycle_key,
    error_percent,
    known,
    log_bin,
    trusted_p95_ms,
)

OUTCOMES = ("p95_ms", "error_percent", "utility_per_s")
"""The outcomes by which actions are judged: for each service with an SLO, and the mesh's utility."""


@dataclass(frozen=True, slots=True)
class EffectWindows:
    """The compared cycles: `span` up to the acting one, then a pause, then `span` from `gap` later."""

    span: int = 3
    gap: int = 3
    """Cycles until a window contains nothing from before: 3 for windows of 5 s every 2 s."""

    def __post_init__(self) -> None:
        for name in ("span", "gap"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")

    @property
    def last(self) -> int:
        """Number of cycles after the action at which its windows end."""
        return self.gap + self.span - 1

    @property
    def across(self) -> int:
        """Number of cycles from the first to the last of them."""
        return self.span + self.last


@dataclass(frozen=True, slots=True)
class Calipers:
    """How similar two situations must be for a comparison."""

    phase_s: float = 120.0
    """Length of the scenario stretch that both must lie in, in scenario seconds."""
    load_ratio: float = 1.25
    """Ratio between the bounds of the level of offered load that both must have."""
    slowness_ratio: float = 1.5
    """Ratio between the bounds of the level of p95 / SLO that both must have before the action. Planners act
    at the worst moments, which improve by themselves: without this, that would count as an effect."""


def units(
    tables: Tables, heads: pl.DataFrame, runs: Sequence[str], windows: EffectWindows, calipers: Calipers
) -> pl.DataFrame:
    """One row per run, cycle and service with an SLO, where all required data was observed.

    `key` is that of `cycle_key(runs)`; `<outcome>_before` and `<outcome>_after` are means over the windows;
    `acted` counts the actions within all of them; and units of the same `stratum` were in the same situation:
    mesh, scenario, speed, service, ready replicas and the levels of the calipers.
    """
    service = (
        tables.scan("services", runs)
        .filter(pl.col("slo_latency_ms").is_not_null())
        .select(
            cycle_key(runs),
            "service",
            "slo_latency_ms",
            trusted_p95_ms().alias("p95_ms"),
            error_percent().alias("error_percent"),
        )
    )
    meshes = dict(heads.select("run", "mesh").iter_rows())
    mesh = pl.lit(pl.Series([meshes.get(run) for run in runs], dtype=pl.String).hash())
    situation = (
        "scenario",
        "speed",
        (known("scenario_s") / calipers.phase_s).floor().alias("phase"),
        log_bin(known("offered_requests_per_s"), calipers.load_ratio).alias("load"),
        "replicas_ready",
    )
    cycle = tables.scan("cycles", runs).select(
        cycle_key(runs),
        "actions",
        _hash(*situation).alias("situation"),
        known("utility_per_s").alias("utility_per_s"),
    )
    services, cycles = pl.collect_all([service, cycle])
    around = cycles.lazy().select(
        "key",
        pl.col("situation") ^ mesh.gather(pl.col("key") // A_RUN),
        pl.col("actions").rolling_sum(windows.across).shift(-windows.last).alias("acted"),
        (pl.col("actions") > 0).alias("acts"),
        *_means(windows, "utility_per_s"),
    )
    # Data near an action of another execution describes neither.
    around = around.filter((pl.col("acted") == 0) | pl.col("acts")).drop_nulls().drop("acts")
    slowness = log_bin(pl.col("p95_ms_before") / pl.col("slo_latency_ms"), calipers.slowness_ratio)
    seen = [
        one.lazy().select("key", "service", "slo_latency_ms", *_means(windows, "p95_ms", "error_percent"))
        # The rows of one service lie cycle after cycle, so a window is a range of rows.
        for one in services.partition_by("service") or [services]
    ]
    return (
        pl.concat(seen)
        .drop_nulls()
        .join(around, on="key")
        .select(
            "key",
            "service",
            "acted",
            (pl.col("situation") ^ _hash("service", slowness.alias("slowness"))).alias("stratum"),
            *(f"{outcome}_{side}" for outcome in OUTCOMES for side in ("before", "after")),
        )
        .drop_nulls()
        .collect()
    )


def _hash(*parts: str | pl.Expr) -> pl.Expr:
    """One number for all of them together; null if one is unknown, which matches nothing."""
    there = [(pl.col(part) if isinstance(part, str) else part).is_not_null() for part in parts]
    return pl.when(*there).then(pl.struct(*parts).hash())


def _means(windows: EffectWindows, *outcomes: str) -> list[pl.Expr]:
    """Means over both windows; null if a cycle or a value is missing."""
    key = pl.col("key")
    whole = key.shift(-windows.last) - key.shift(windows.span - 1) == windows.across - 1
    means = {outcome: pl.col(outcome).rolling_mean(windows.span) for outcome in outcomes}
    sides = {"before": 0, "after": -windows.last}
    return [
        pl.when(whole).then(mean.shift(by)).alias(f"{outcome}_{side}")
        for outcome, mean in means.items()
        for side, by in sides.items()
    ]
