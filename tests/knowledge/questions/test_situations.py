"""Similar situations, held against a search by plain loops, and against what Monitor hands to a planner."""

from dataclasses import replace
from math import log, log1p
from pathlib import Path
from statistics import median, pstdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marskit.knowledge.port import KnowledgeError
from marskit.knowledge.questions.similar_situations import similar_situations
from marskit.knowledge.questions.situation_features import situation_of
from marskit.knowledge.questions.situation_index import SituationIndex
from marskit.knowledge.read.dataset import Dataset
from tests.knowledge.cycles import cycle
from tests.knowledge.questions.small import Frames, random_frames
from tests.knowledge.test_parquet import store

Key = tuple[str, int]


def vectors(frames: Frames) -> dict[Key, dict[str, float]]:
    found: dict[Key, dict[str, float | None]] = {}
    loads = {}
    for row in frames.rows("cycles"):
        key, sent = (row["run"], row["cycle"]), row["sent_requests_per_s"]
        load = row["offered_requests_per_s"] if sent is None else sent
        loads[key] = None if load is None else log1p(load)
        before = loads.get((key[0], key[1] - 4))
        now = loads[key]
        found[key] = {"load": now, "trend": None if now is None or before is None else now - before}
    for row in frames.rows("services"):
        limit, p95 = row["slo_latency_ms"], row["latency_p95_ms"]
        if limit and p95 and row["latency_n"] >= 40:
            found[row["run"], row["cycle"]][f"{row['service']}: p95"] = log(p95 / limit)
    for row in frames.rows("workloads"):
        found[row["run"], row["cycle"]] |= {"busy": row["utilisation"], "ready": row["replicas_ready"]}
    return {key: {n: v for n, v in vector.items() if v is not None} for key, vector in found.items()}


def distances(frames: Frames, of: Key) -> dict[Key, float]:
    found = vectors(frames)
    spreads = {}
    for name in {name for vector in found.values() for name in vector}:
        values = [vector[name] for vector in found.values() if name in vector]
        middle = median(values)
        spreads[name] = 1.4826 * median(abs(v - middle) for v in values) or pstdev(values) or 1.0
    mine = found[of]
    told = {}
    for key, vector in found.items():
        shared = mine.keys() & vector.keys()
        if 2 * len(shared) >= len(mine) and not (key[0] == of[0] and key[1] > of[1] - 3):
            total = sum(((mine[n] - vector[n]) / spreads[n]) ** 2 for n in shared)
            told[key] = (total / len(shared)) ** 0.5
    return told


@given(seed=st.integers(0, 10_000), k=st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_the_nearest_are_those_that_loops_find(seed: int, k: int) -> None:
    frames = random_frames(seed)
    cycles = frames.rows("cycles")
    if not cycles:
        return
    of = (cycles[len(cycles) // 2]["run"], cycles[len(cycles) // 2]["cycle"])
    told = distances(frames, of)
    expected: list[Key] = []
    for key in sorted(told, key=lambda key: told[key]):
        if len(expected) < k and all(run != key[0] or abs(n - key[1]) >= 3 for run, n in expected):
            expected.append(key)
    rows = similar_situations(frames, *of, k=k, after=3).collect().to_dicts()
    assert [(row["run"], row["cycle"]) for row in rows] == expected
    by_key = {(row["run"], row["cycle"]): row for row in cycles}
    for row in rows:
        key = (row["run"], row["cycle"])
        assert row["distance"] == pytest.approx(told[key], rel=1e-3, abs=1e-4)
        later = [by_key[key[0], n] for n in range(key[1] + 1, key[1] + 4) if (key[0], n) in by_key]
        utilities = [c["utility_per_s"] for c in later if c["utility_per_s"] is not None]
        mean = sum(utilities) / len(utilities) if utilities else None
        assert row["utility_after_per_s"] == (None if mean is None else pytest.approx(mean))
        assert row["cycles_after"] == len(later)
        missed = sum(c["covers_s"] / 60 for c in later if c["slo_met"] is False)
        assert row["violation_minutes_after"] == pytest.approx(missed)
        done = [e["action"] for e in frames.rows("executions") if (e["run"], e["cycle"]) == key]
        assert row["done"] == "; ".join(done)


async def test_a_cycle_just_observed_is_described_as_it_is_once_stored(tmp_path: Path) -> None:
    one = cycle(6, met=False, act=True)
    edges = (replace(one.observation.edges[0], weight_percent=70), *one.observation.edges[1:])
    one = replace(one, observation=replace(one.observation, edges=edges))
    run = await store(tmp_path, [cycle(n) for n in range(1, 6)] + [one])
    index = SituationIndex.build(Dataset(tmp_path))
    now = situation_of(one.observation, one.diagnosis, load_before_per_s=19.8)
    assert index.situation(run, 6) == pytest.approx(now, rel=1e-6)
    assert {"load", "trend", "orders: p95 / objective", "payments: replicas"} <= now.keys()
    assert sum("weight" in name for name in now) == 1
    (nearest, *_) = index.nearest(now)
    assert (nearest.run, nearest.cycle, nearest.done) == (run, 6, ("scale payments to 3",))
    assert nearest.distance == pytest.approx(0, abs=1e-5)


def test_without_a_past_nothing_is_similar() -> None:
    index = SituationIndex.build(Frames())
    assert len(index) == 0
    assert index.nearest({"load": 1.0}) == ()
    with pytest.raises(KnowledgeError, match="Run gone has no cycle 3"):
        similar_situations(Frames(), "gone", 3)
    with pytest.raises(ValueError, match="k is 0"):
        index.nearest({}, k=0)
