"""Planners on the same arrivals, and the twin against the real mesh."""

from collections import defaultdict
from contextlib import nullcontext
from statistics import fmean, median
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marskit.knowledge.questions import sim_vs_real as asked_error
from marskit.knowledge.questions.compare_policies import compare_policies
from marskit.knowledge.questions.sim_vs_real import sim_vs_real
from marskit.statistics import interquartile_mean
from tests.knowledge.questions.small import Frames, random_frames, same


def policy_run(frames: Frames, run: str, *, missed: int = 0, cycles: int = 10, **was: Any) -> None:
    """A run that missed its objective in so many cycles of 60 scenario seconds."""
    frames.begin(run, **{"mesh": "twin", "planner": "hpa", "scenario": "spike", "seed": 0, **was})
    head = frames.started[run]
    for n in range(1, cycles + 1):
        frames.add(
            "cycles",
            run,
            n,
            planner=head.planner,
            scenario=head.scenario.name,
            speed=head.scenario.speed,
            covers_s=60.0 / head.scenario.speed,
            load_factor=1.0,
            slo_met=n > missed,
            replicas_ready=3,
            failed_requests=2.0,
            actions=1,
            utility_per_s=float(missed),
        )


def test_planners_stand_side_by_side_on_the_same_arrivals_only() -> None:
    frames = Frames()
    for seed, missed in enumerate((1, 2, 3, 8)):
        policy_run(frames, f"hpa-{seed}", seed=seed, missed=missed)
        policy_run(frames, f"ppo-{seed}", seed=seed, missed=missed - 1, planner="ppo")
    # Nobody else had these arrivals: another seed, speed, mesh or scenario.
    policy_run(frames, "x-seed", seed=9, missed=9)
    policy_run(frames, "x-speed", seed=0, missed=9, speed=2.0)
    policy_run(frames, "y-short", seed=0, missed=4, cycles=5)
    policy_run(frames, "y-changed", seed=1, missed=9)
    frames.tables["cycles"][-1]["planner"] = "static"
    policy_run(frames, "y-pushed", seed=1, missed=9)
    frames.tables["cycles"][-1]["load_factor"] = 3.0
    policy_run(frames, "z", mesh="envoy", planner="static", missed=5)
    rows = compare_policies(frames).collect().to_dicts()
    assert [(r["mesh"], r["planner"], r["runs"], r["baseline"]) for r in rows] == [
        ("envoy", "static", 1, "static"),
        ("twin", "hpa", 4, "hpa"),
        ("twin", "ppo", 4, "hpa"),
    ]
    alone, hpa, ppo = rows
    assert alone["violation_minutes"] == 5.0
    assert alone["violation_minutes_low"] is None
    assert hpa["violation_minutes"] == pytest.approx(interquartile_mean(np.array([1.0, 2.0, 3.0, 8.0])))
    assert hpa["violation_minutes_low"] < hpa["violation_minutes"] < hpa["violation_minutes_high"]
    assert (hpa["replica_minutes"], hpa["failed_requests"], hpa["actions"]) == (30.0, 20.0, 10.0)
    assert (ppo["violation_minutes_against"], ppo["violation_minutes_against_high"]) == (-1.0, -1.0)
    assert ppo["utility_per_s_against"] == -1.0
    told = compare_policies(frames, baseline="ppo", planners=["ppo", "hpa"]).collect().to_dicts()
    assert [r["violation_minutes_against"] for r in told] == [1.0, 0.0]


def test_a_planner_that_ran_the_same_twice_counts_once() -> None:
    frames = Frames()
    policy_run(frames, "a", missed=1)
    policy_run(frames, "b", missed=3)
    policy_run(frames, "c", planner="ppo", missed=5)
    rows = compare_policies(frames).collect().to_dicts()
    assert [(r["planner"], r["runs"], r["violation_minutes"]) for r in rows] == [("hpa", 1, 2), ("ppo", 1, 5)]


@given(seed=st.integers(0, 10_000), many=st.booleans())
@settings(max_examples=40, deadline=None)
def test_the_twins_error_is_what_loops_find(seed: int, many: bool) -> None:  # noqa: FBT001 # generated
    frames = random_frames(seed, runs=10, cycles=12)
    cycles = {(c["run"], c["cycle"]): c for c in frames.rows("cycles")}
    seen: dict[Any, dict[str, dict[str, list[float]]]] = defaultdict(
        lambda: {"twin": defaultdict(list), "envoy": defaultdict(list)}
    )
    for row in frames.rows("services"):
        cycle, head = cycles[row["run"], row["cycle"]], frames.started[row["run"]]
        if cycle["scenario_s"] is None:
            continue
        run = (head.scenario.name, head.scenario.speed, head.seed, head.planner)
        told = {
            "p50": row["latency_p50_ms"],
            "p95": row["latency_p95_ms"] if row["latency_n"] >= 40 else None,
            "rate": row["requests_per_s"],
            "load": cycle["offered_requests_per_s"],
        }
        side = seen[run, row["service"], cycle["scenario_s"] // 8][head.mesh]
        side["any"].append(1.0)
        for name, value in told.items():
            if value is not None:
                side[name].append(value)
    groups: dict[Any, Any] = defaultdict(lambda: {"runs": set(), "stretches": 0, "off": defaultdict(list)})
    for (run, service, _), sides in seen.items():
        twin, real = sides["twin"], sides["envoy"]
        if twin["any"] and real["any"]:
            level = (
                next((x for x in range(40) if 1.25 ** (x + 1) > fmean(real["load"])), 0)
                if real["load"]
                else None
            )
            group = groups[service, level]
            group["runs"].add(run)
            group["stretches"] += 1
            for name in ("p50", "p95", "rate"):
                if twin[name] and real[name] and fmean(real[name]) > 0:
                    off = 100 * (fmean(twin[name]) - fmean(real[name])) / fmean(real[name])
                    group["off"][name].append(off)
    expected = []
    for (service, level), group in sorted(groups.items(), key=lambda i: (i[0][0], i[0][1] or -1)):
        row = {"service": service, "load_from_per_s": None if level is None else 1.25**level}
        row |= {"runs": len(group["runs"]), "stretches": group["stretches"]}
        for name in ("p50", "p95", "rate"):
            off = group["off"][name]
            row[f"{name}_bias_percent"] = median(off) if off else None
            row[f"{name}_error_percent"] = median(map(abs, off)) if off else None
        expected.append(row)
    # One pair at a time, and each read again.
    with patch.multiple(asked_error, _PAIRS=1, _AT_ONCE=0) if many else nullcontext():
        same(sim_vs_real(frames, bucket_s=8.0), expected)
