"""Small tables in memory, by hand or at random, with all that can be odd about recorded numbers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import isnan, nan
from random import Random
from typing import Any

import polars as pl

from marskit.domain.events import RunStarted
from marskit.knowledge.format.tables import table_schema
from tests.knowledge.cycles import run_started

Row = dict[str, Any]
ACTIONS = ("scale pay to 1", "scale pay to 3", "shift pay to v1 90%, v2 10%", "remove timeout of pay[0]")


@dataclass
class Frames:
    """Rows by table, and what each run was."""

    tables: dict[str, list[Row]] = field(default_factory=dict)
    started: dict[str, RunStarted] = field(default_factory=dict)

    def runs(self) -> list[str]:
        return sorted(self.started)

    def heads(self, runs: Sequence[str] | None = None) -> Iterator[RunStarted]:
        return (self.started[run] for run in (self.runs() if runs is None else runs))

    def scan(self, table: str, runs: Sequence[str] | None = None) -> pl.LazyFrame:
        frame = pl.DataFrame(self.tables.get(table, []), schema=table_schema(table))
        frame = frame.sort("run", "cycle", maintain_order=True)
        return frame.lazy() if runs is None else frame.lazy().filter(pl.col("run").is_in(list(runs)))

    def begin(self, run: str, **was: Any) -> None:
        """Add a run: `mesh`, `planner`, `seed`, `scenario` (a name) or `speed`."""
        head = run_started(run)
        scenario = replace(
            head.scenario, name=was.pop("scenario", "spike"), speed=was.pop("speed", head.scenario.speed)
        )
        self.started[run] = replace(head, scenario=scenario, **was)

    def add(self, table: str, run: str, cycle: int, **values: Any) -> None:
        self.tables.setdefault(table, []).append({"run": run, "cycle": cycle, "at_s": 2.0 * cycle, **values})

    def rows(self, table: str) -> list[Row]:
        """The rows with all columns, in order, NaN told as None."""
        return self.scan(table).with_columns(pl.selectors.float().fill_nan(None)).collect().to_dicts()


def random_frames(seed: int, *, runs: int = 4, cycles: int = 24) -> Frames:
    """Some runs with gaps, missing numbers, NaN, and actions now and then."""
    rng = Random(seed)
    frames = Frames()

    def real(least: float, most: float) -> float | None:
        odd = rng.random()
        return nan if odd < 0.02 else None if odd < 0.04 else round(rng.uniform(least, most), 3)

    for number in range(rng.randint(0, runs)):
        run = f"run-{number}"
        scenario, planner = rng.choice(("spike", "ramp")), rng.choice(("hpa", "ppo"))
        was = {"scenario": scenario, "planner": planner, "seed": rng.randint(0, 1)}
        frames.begin(run, mesh=rng.choice(("twin", "envoy")), speed=1.0, **was)
        for cycle in range(1, rng.randint(0, cycles) + 1):
            if rng.random() < 0.03:
                continue
            acts = rng.random() < 0.12
            frames.add(
                "cycles",
                run,
                cycle,
                covers_s=2.0,
                speed=1.0,
                scenario=scenario,
                planner=planner,
                seed=was["seed"],
                load_factor=1.0,
                scenario_s=None if rng.random() < 0.02 else 2.0 * cycle,
                offered_requests_per_s=real(5, 12),
                sent_requests_per_s=real(5, 12),
                failed_requests=real(0, 3),
                slo_met=rng.choice((True, False, None)),
                utility_per_s=real(-5, 5),
                replicas_ready=rng.randint(1, 2),
                actions=int(acts),
            )
            for service, limit in (("shop", 100.0), ("pay", 50.0), ("mail", None)):
                frames.add(
                    "services",
                    run,
                    cycle,
                    service=service,
                    requests_per_s=real(0, 20),
                    failures_per_s=rng.choice((0.0, real(0, 1))),
                    latency_n=rng.choice((100, 100, 100, 39)),
                    latency_p50_ms=real(5, 20),
                    latency_p95_ms=real(20, 200),
                    slow_percent=rng.choice((0.0, real(0, 100))),
                    slo_latency_ms=limit,
                    slo_met=None if limit is None else rng.choice((True, False, None)),
                )
            frames.add(
                "workloads",
                run,
                cycle,
                workload="pay",
                service="pay",
                replicas_desired=2,
                replicas_ready=2,
                utilisation=real(0, 1),
                queued=real(0, 3),
            )
            for kind, subject in (("saturation", "pay"), ("latency SLO", "shop")):
                if rng.random() < 0.25:
                    frames.add("symptoms", run, cycle, kind=kind, subject=subject, rank=0)
            if acts:
                frames.add(
                    "executions",
                    run,
                    cycle,
                    execution=cycle,
                    origin="planner",
                    action=rng.choice(ACTIONS),
                    target="pay",
                    outcome="applied",
                )
    return frames


def near(found: object, expected: object) -> bool:
    """The same, but for rounding."""
    if isinstance(found, float) and isinstance(expected, float):
        return (isnan(found) and isnan(expected)) or abs(found - expected) <= 1e-6 * max(1.0, abs(expected))
    return found == expected


def same(found: pl.LazyFrame, expected: Sequence[Row]) -> None:
    """The same rows in the same order, each number but for rounding."""
    rows = found.collect().to_dicts()
    assert len(rows) == len(expected)
    for ours, theirs in zip(rows, expected, strict=True):
        off = {name: (ours[name], value) for name, value in theirs.items() if not near(ours[name], value)}
        assert not off, (ours, off)
