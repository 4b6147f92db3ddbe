"""Effects against matched controls, held against plain loops, and against effects that were put in."""

from collections import defaultdict
from math import floor, log
from random import Random
from statistics import fmean

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marskit.knowledge.questions.action_effects import _student, action_effects, actions_seen
from marskit.knowledge.questions.action_units import OUTCOMES, Calipers, EffectWindows
from tests.knowledge.questions.small import Frames, Row, random_frames, same

WINDOWS = EffectWindows(span=2, gap=2)
CALIPERS = Calipers(phase_s=20.0, load_ratio=3.0, slowness_ratio=4.0)
KINDS = {"scale pay to 1": "scale down", "scale pay to 3": "scale up"}


def bin_of(value: float, ratio: float) -> int:
    return floor(log(value) / log(ratio))


def windows_by_loops(frames: Frames) -> dict[tuple[str, int, str], Row]:
    """Every cycle and service with all its windows' values known."""
    cycles = {(c["run"], c["cycle"]): c for c in frames.rows("cycles")}
    services = {(s["run"], s["cycle"], s["service"]): s for s in frames.rows("services")}
    before, after = range(-1, 1), range(2, 4)
    found = {}
    for (run, n, name), row in services.items():
        if row["slo_latency_ms"] is None or any((run, n + k) not in cycles for k in range(-1, 4)):
            continue
        unit: Row = {"acted": sum(cycles[run, n + k]["actions"] for k in range(-1, 4))}

        def values(outcome: str, at: int, run: str = run, name: str = name) -> float | None:
            own = services[run, at, name]
            if outcome == "p95_ms":
                return own["latency_p95_ms"] if own["latency_n"] >= 40 else None
            if outcome == "error_percent":
                known = own["requests_per_s"] and own["failures_per_s"] is not None
                return 100 * own["failures_per_s"] / own["requests_per_s"] if known else None
            return cycles[run, at]["utility_per_s"]  # type: ignore[no-any-return]

        for outcome in OUTCOMES:
            for side, offsets in (("before", before), ("after", after)):
                seen = [values(outcome, n + k) for k in offsets]
                unit[f"{outcome}_{side}"] = None if None in seen else fmean(v for v in seen if v is not None)
        cycle = cycles[run, n]
        load, scenario_s = cycle["offered_requests_per_s"], cycle["scenario_s"]
        if None in (load, scenario_s, *unit.values()):
            continue
        unit["stratum"] = (
            frames.started[run].mesh,
            cycle["scenario"],
            name,
            scenario_s // 20,
            bin_of(load, 3.0),
            cycle["replicas_ready"],
            bin_of(unit["p95_ms_before"] / row["slo_latency_ms"], 4.0),
        )
        found[run, n, name] = unit
    return found


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_effects_are_what_loops_find(seed: int) -> None:
    frames = random_frames(seed, runs=8, cycles=40)
    found = windows_by_loops(frames)
    controls: dict[object, list[tuple[str, Row]]] = defaultdict(list)
    for (run, _, _), unit in found.items():
        if unit["acted"] == 0:
            controls[unit["stratum"]].append((run, unit))
    treated = defaultdict(list)
    each = []
    for row in sorted(frames.rows("executions"), key=lambda r: (r["run"], r["cycle"])):
        words = row["action"]
        action = KINDS.get(words) or ("shift traffic" if "shift" in words else "remove timeout")
        for service in ("pay", "shop"):
            key = (row["run"], row["cycle"], service)
            if key in found:
                unit = found[key]
                treated[action, "pay", service].append((row["run"], unit))
                n = len(controls.get(unit["stratum"], ()))
                told = {"cycle": row["cycle"], "service": service, "alone": unit["acted"] == 1, "controls": n}
                each.append({"run": row["run"], "words": words, **told})
    expected = []
    for (action, target, service), units in sorted(treated.items()):
        matched = [(run, unit) for run, unit in units if unit["stratum"] in controls]
        runs = {run for run, _ in matched}
        row = {
            "action": action,
            "target": target,
            "service": service,
            "actions": len(units),
            "alone": sum(unit["acted"] == 1 for _, unit in units),
            "matched": len(matched),
            "runs": len(runs),
            "controls": sum(len(controls[s]) for s in {unit["stratum"] for _, unit in matched}),
        }
        for outcome in OUTCOMES:
            row |= estimated(outcome, matched, controls)
        expected.append(row)
    same(action_effects(frames, windows=WINDOWS, calipers=CALIPERS), expected)
    same(actions_seen(frames, windows=WINDOWS, calipers=CALIPERS), each)


def estimated(
    outcome: str, matched: list[tuple[str, Row]], controls: dict[object, list[tuple[str, Row]]]
) -> Row:
    if not matched:
        return {f"{outcome}_{name}": None for name in ("before", "after", "effect", "effect_low")}

    def change(unit: Row) -> float:
        return float(unit[f"{outcome}_after"] - unit[f"{outcome}_before"])

    def control(stratum: object) -> float:
        return fmean(change(unit) for _, unit in controls[stratum])

    gains = [change(unit) - control(unit["stratum"]) for _, unit in matched]
    effect = fmean(gains)
    influence: dict[str, float] = defaultdict(float)
    for (run, unit), gain in zip(matched, gains, strict=True):
        influence[run] += gain - effect
        # Each control stands in for its share of this action.
        stratum = unit["stratum"]
        for other, theirs in controls[stratum]:
            influence[other] -= (change(theirs) - control(stratum)) / len(controls[stratum])
    runs = len({run for run, _ in matched})
    told: Row = {
        f"{outcome}_before": fmean(unit[f"{outcome}_before"] for _, unit in matched),
        f"{outcome}_after": fmean(unit[f"{outcome}_after"] for _, unit in matched),
        f"{outcome}_effect": effect,
        f"{outcome}_effect_low": None,
    }
    if runs > 1:
        error = (sum(v**2 for v in influence.values()) * runs / (runs - 1)) ** 0.5 / len(matched)
        quantile = {1: 12.7062, 2: 4.30265, 3: 3.18245, 4: 2.77645, 5: 2.57058, 6: 2.44691, 7: 2.36462}
        told[f"{outcome}_effect_low"] = pytest.approx(effect - quantile[runs - 1] * error, rel=2e-3, abs=1e-6)
    return told


def test_students_quantiles_are_those_of_the_tables() -> None:
    table = {1: 12.706, 2: 4.303, 3: 3.182, 5: 2.571, 10: 2.228, 30: 2.042, 1000: 1.962}
    found = pl.DataFrame({"v": list(table)}).select(_student(pl.col("v"))).to_series()
    assert found.to_list() == pytest.approx(list(table.values()), rel=1.5e-3)


def test_an_effect_is_found_and_regression_to_the_mean_is_none() -> None:
    """Actions at bad moments: those that help by 30 ms, and those that do nothing."""
    rng = Random(1)
    frames = Frames()
    for number in range(30):
        run, helps = f"run-{number:02}", 0.0
        frames.begin(run, mesh="twin")
        for n in range(1, 61):
            # Bad moments last for three cycles and pass by themselves.
            bad = n % 12 in (4, 5, 6)
            acts = n % 12 == 6 and rng.random() < 0.5
            frames.add(
                "cycles",
                run,
                n,
                scenario="spike",
                speed=1.0,
                scenario_s=10.0,
                offered_requests_per_s=10.0,
                replicas_ready=2,
                utility_per_s=1.0,
                actions=int(acts),
            )
            if acts:
                works = rng.random() < 0.5
                helps = 30.0 if works else 0.0
                words = "scale pay to 3" if works else "remove timeout of pay[0]"
                frames.add("executions", run, n, execution=n, action=words, target="pay", outcome="applied")
            elif n % 12 == 3:
                helps = 0.0
            p95 = (190.0 if bad else 100.0 - helps) + rng.gauss(0, 3)
            frames.add(
                "services",
                run,
                n,
                service="shop",
                latency_n=100,
                latency_p95_ms=p95,
                requests_per_s=10.0,
                failures_per_s=0.0,
                slo_latency_ms=150.0,
            )
            frames.add("workloads", run, n, workload="pay", replicas_desired=2, replicas_ready=2)
    windows = EffectWindows(span=2, gap=2)
    told = {row["action"]: row for row in action_effects(frames, windows=windows).collect().to_dicts()}
    useless, useful = told["remove timeout"], told["scale up"]
    assert useless["p95_ms_after"] - useless["p95_ms_before"] < -80
    assert useless["p95_ms_effect_low"] < 0 < useless["p95_ms_effect_high"]
    assert abs(useless["p95_ms_effect"]) < 2
    assert useful["p95_ms_effect"] == pytest.approx(-30, abs=2)
    assert useful["p95_ms_effect_low"] < -30 < useful["p95_ms_effect_high"]
    assert useful["error_percent_effect"] == 0


def test_windows_must_be_of_a_cycle_or_more() -> None:
    with pytest.raises(ValueError, match="gap is 0"):
        EffectWindows(gap=0)
