"""Compliance, symptoms before actions and baselines, each held against plain loops over the same rows."""

from collections import defaultdict
from functools import partial
from math import floor, log
from statistics import median
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from marskit.knowledge.questions import anomaly_baselines as baselines
from marskit.knowledge.questions import slo_compliance as compliance
from marskit.knowledge.questions import symptom_before_action as asked_symptoms
from marskit.knowledge.questions.anomaly_baselines import anomaly_baselines
from marskit.knowledge.questions.slo_compliance import slo_compliance
from marskit.knowledge.questions.source import chunks
from marskit.knowledge.questions.symptom_before_action import symptom_before_action
from tests.knowledge.questions.small import Frames, Row, random_frames, same

SEEDS = st.integers(0, 10_000)
KINDS = {"scale pay to 1": "scale down", "scale pay to 3": "scale up"}


@given(seed=SEEDS, by=st.sampled_from(("run", "time", "service")), at_once=st.sampled_from((1, 50)))
@settings(max_examples=40, deadline=None)
def test_compliance_is_what_loops_count(seed: int, by: str, at_once: int) -> None:
    frames = random_frames(seed)
    cycles = {(c["run"], c["cycle"]): c for c in frames.rows("cycles")}
    groups: dict[tuple[object, ...], list[tuple[Row, Row]]] = defaultdict(list)
    for row in frames.rows("services"):
        cycle = cycles[row["run"], row["cycle"]]
        if row["slo_latency_ms"] is None or (by == "time" and cycle["scenario_s"] is None):
            continue
        key = {
            "run": (row["run"],),
            "service": (),
            "time": (cycle["scenario"], 10.0 * ((cycle["scenario_s"] or 0) // 10)),
        }[by]
        groups[(*key, row["service"])].append((row, cycle))
    expected = []
    for key in sorted(groups):
        judged = met = minutes = requests = met_requests = bad = told = 0.0
        for row, cycle in groups[key]:
            covers = cycle["covers_s"]
            n = row["requests_per_s"]
            judged += row["slo_met"] is not None
            met += row["slo_met"] is True
            minutes += covers / 60 if row["slo_met"] is False else 0.0
            if n is not None and row["slo_met"] is not None:
                requests += n * covers
                met_requests += n * covers * row["slo_met"]
            if n is None or row["failures_per_s"] is None:
                continue
            answered = n - row["failures_per_s"]
            if answered > 0 and row["slow_percent"] is None:
                continue
            slow = answered * row["slow_percent"] / 100 if answered > 0 else 0.0
            bad += (row["failures_per_s"] + slow) * covers
            told += n * covers
        expected.append(
            {
                "service": key[-1],
                "windows": len(groups[key]),
                "judged": int(judged),
                "met": int(met),
                "met_percent": 100 * met / judged if judged else None,
                "violation_minutes": minutes,
                "requests": requests,
                "met_requests_percent": 100 * met_requests / requests if requests else None,
                "good_requests_percent": 100 - 100 * bad / told if told else None,
                "budget_left_percent": 100 - 100 * bad / (0.05 * told) if told else None,
            }
        )
    with patch.object(compliance, "chunks", partial(chunks, size=at_once)):
        same(slo_compliance(frames, by=by, bucket_s=10.0), expected)  # type: ignore[arg-type] # sampled


@given(seed=SEEDS, cycles=st.integers(1, 6), at_once=st.sampled_from((1, 50)))
@settings(max_examples=40, deadline=None)
def test_symptoms_before_actions_are_what_loops_count(seed: int, cycles: int, at_once: int) -> None:
    frames = random_frames(seed)
    stood = {(s["run"], s["cycle"], s["kind"], s["subject"]) for s in frames.rows("symptoms")}
    numbers: dict[str, list[int]] = defaultdict(list)
    for row in frames.rows("cycles"):
        numbers[row["run"]].append(row["cycle"])
    slots = [(run, n) for run, own in numbers.items() for n in range(min(own), max(own) + 1)]
    delays = defaultdict(list)
    actions: dict[tuple[str, str], int] = defaultdict(int)
    symptoms = {(kind, subject) for _, _, kind, subject in stood}
    for row in frames.rows("executions"):
        words = row["action"]
        action = KINDS.get(words) or ("shift traffic" if "shift" in words else "remove timeout")
        actions[action, row["target"]] += 1
        for symptom in symptoms:
            seen = [
                n
                for n in range(row["cycle"] - cycles + 1, row["cycle"] + 1)
                if (row["run"], n, *symptom) in stood
            ]
            if seen:
                delays[(*symptom, action, row["target"])].append(row["at_s"] - 2.0 * min(seen))
    expected = []
    for (kind, subject, action, target), waits in sorted(delays.items(), key=lambda i: (-len(i[1]), i[0])):
        standing = sum(
            any((run, m, kind, subject) in stood for m in range(n - cycles + 1, n + 1)) for run, n in slots
        )
        share, base = 100 * len(waits) / actions[action, target], 100 * standing / len(slots)
        expected.append(
            {
                "symptom": kind,
                "subject": subject,
                "action": action,
                "target": target,
                "actions": actions[action, target],
                "preceded": len(waits),
                "preceded_percent": share,
                "base_percent": base,
                "lift": share / base,
                "median_delay_s": median(waits),
            }
        )
    with patch.object(asked_symptoms, "chunks", partial(chunks, size=at_once)):
        same(symptom_before_action(frames, cycles=cycles), expected)


@given(seed=SEEDS, by=st.sampled_from(("hour", "load")))
@settings(max_examples=40, deadline=None)
def test_baselines_are_what_loops_find(seed: int, by: str) -> None:
    frames = random_frames(seed)
    cycles = {(c["run"], c["cycle"]): c for c in frames.rows("cycles")}
    values: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    for row in frames.rows("services"):
        cycle = cycles[row["run"], row["cycle"]]
        load = cycle["offered_requests_per_s"]
        if (cycle["scenario_s"] if by == "hour" else load) is None:
            continue
        key = (cycle["scenario"], 0) if by == "hour" else (1.25 ** floor(log(load) / log(1.25)),)
        told = {
            "requests_per_s": row["requests_per_s"],
            "error_percent": None
            if not row["requests_per_s"] or row["failures_per_s"] is None
            else 100 * row["failures_per_s"] / row["requests_per_s"],
            "latency_p95_ms": row["latency_p95_ms"] if row["latency_n"] >= 40 else None,
            "latency_p50_ms": row["latency_p50_ms"],
        }
        for metric, value in told.items():
            if value is not None:
                values[(metric, row["service"], *key)].append(value)
    expected = []
    for (metric, subject, *_), those in sorted(values.items()):
        middle = median(those)
        mad = median(abs(value - middle) for value in those)
        told = {"metric": metric, "subject": subject, "median": middle, "mad": mad}
        expected.append({**told, "n": len(those)})
    same(anomaly_baselines(frames, by=by), expected)  # type: ignore[arg-type] # sampled


@pytest.mark.parametrize(("of", "by"), [("services", "hour"), ("workloads", "load"), ("edges", "hour")])
def test_many_rows_are_looked_at_in_passes(of: Any, by: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = random_frames(3)
    frames.add("edges", "run-0", 2, source="shop", service="pay", workload="pay-v1", requests_per_s=4.0)
    at_once = anomaly_baselines(frames, of=of, by=by).collect()
    monkeypatch.setattr(baselines, "_AT_ONCE", 0)
    monkeypatch.setattr(baselines, "chunks", partial(chunks, size=1))
    assert_frame_equal(anomaly_baselines(frames, of=of, by=by).collect(), at_once)
    assert at_once.height


def test_an_edge_is_named_by_both_its_ends() -> None:
    frames = Frames()
    frames.begin("a")
    frames.add("cycles", "a", 1, scenario="spike", scenario_s=7300.0)
    frames.add("edges", "a", 1, source="shop", service="pay", workload="pay-v1", requests_per_s=4.0)
    (row,) = anomaly_baselines(frames, of="edges", metrics=["requests_per_s"]).collect().to_dicts()
    assert (row["subject"], row["hour"], row["median"], row["mad"]) == ("shop → pay-v1", 2, 4.0, 0.0)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="target_percent is 100"):
        slo_compliance(Frames(), target_percent=100.0)
    with pytest.raises(ValueError, match="cycles is 0"):
        symptom_before_action(Frames(), cycles=0)
