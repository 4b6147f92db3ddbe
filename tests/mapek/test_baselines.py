from dataclasses import replace

import pytest

from marskit.domain.baselines import BucketKind
from marskit.domain.load import LoadSample, LoadStatus
from marskit.domain.observation import Observation
from marskit.knowledge.questions.anomaly_baselines import anomaly_baselines
from marskit.mapek.analyse.baselines import Normals, baselines_of, from_mapping, level
from marskit.mapek.monitor.measures import BUSY, LATENCY, Measure, measures, own_measures
from tests.knowledge.questions.small import Frames
from tests.mapek.mesh import INTO_ORDERS, TO_PAYMENTS, World


def seen(p95_ms: float, *, rate: float = 40.0, scenario_s: float = 0.0) -> Observation:
    world = World().edge(INTO_ORDERS, p95_ms=p95_ms, requests_per_s=rate)
    load = LoadSample(0.0, LoadStatus.RUNNING, 40, 1.0, scenario_s, rate, rate, 0.0)
    return replace(world.observation(), load=load)


def p95(value: float) -> Measure:
    return Measure(LATENCY, "orders", value, 400, by_load=True)


def test_latencies_are_known_by_load_level_and_work_at_any() -> None:
    calm = [seen(90.0 + n) for n in range(20)]
    normals = Normals(baselines_of(calm))
    usual = normals.of(p95(0.0), calm[0])
    assert usual is not None
    assert (usual.median, usual.n) == (99.5, 20)
    assert usual.sigma == pytest.approx(1.4826 * 5.0)
    # Nobody has seen what is usual at that load, but a request is as much work as ever.
    loud = seen(0.0, rate=400.0)
    assert normals.of(p95(0.0), loud) is None
    assert normals.of(Measure(BUSY, "payments", 0.0, 400), loud) is not None


def test_a_few_windows_are_no_baseline() -> None:
    assert Normals(baselines_of([seen(90.0)] * 11)).of(p95(0.0), seen(90.0)) is None


def test_the_run_itself_stands_in_for_what_was_not_recorded_and_forgets() -> None:
    normals = Normals()
    for n in range(100):
        normals.learn(p95(float(n)), seen(0.0))
    usual = normals.of(p95(0.0), seen(0.0))
    assert usual is not None
    assert (usual.median, usual.n) == (69.5, 60)


def test_what_is_known_beforehand_stands_in_for_both() -> None:
    usual = Normals(expected={(BUSY, "payments"): 20.0}).of(Measure(BUSY, "payments", 0.0, 400), seen(0.0))
    assert usual is not None
    assert usual.median == 20.0


def test_a_mapping_by_hour_of_the_scenario_serves_as_well() -> None:
    found = from_mapping({(LATENCY, "orders", 2): (80.0, 4.0, 30)}, by=BucketKind.HOUR, runs=3)
    normals = Normals(found)
    usual = normals.of(p95(0.0), seen(0.0, scenario_s=2.5 * 3600))
    assert usual is not None
    assert usual.median == 80.0
    assert normals.of(p95(0.0), seen(0.0, scenario_s=3600)) is None


def test_the_question_tells_the_same_numbers_under_the_same_names() -> None:
    frames = Frames()
    frames.begin("a")
    for n in range(20):
        frames.add("cycles", "a", n, scenario="spike", scenario_s=0.0)
        frames.add("services", "a", n, service="orders", latency_p95_ms=90.0 + n, latency_n=400)
    (told,) = anomaly_baselines(frames, metrics=[LATENCY]).collect().to_dicts()
    (row,) = [
        each
        for each in baselines_of([seen(90.0 + n) for n in range(20)]).rows
        if each.metric == LATENCY and each.subject == "orders"
    ]
    assert (row.median, row.mad) == (99.5, 5.0)
    assert {name: told[name] for name in ("metric", "subject", "median", "mad", "n")} == {
        "metric": row.metric,
        "subject": row.subject,
        "median": row.median,
        "mad": row.mad,
        "n": row.n,
    }


def test_load_levels_are_a_quarter_apart() -> None:
    assert level(0.0) == level(1.2) == 0
    assert level(101.0) - level(101.0 / 1.25**3) == 3


def test_own_latency_is_what_the_calls_leave() -> None:
    world = World()
    for edge, n, mean_ms in ((INTO_ORDERS, 400, 70.0), (TO_PAYMENTS, 200, 50.0)):
        world.edges[edge] = replace(
            world.edges[edge], latency=replace(world.edges[edge].latency, n=n, mean_ms=mean_ms)
        )
    own = {own.workload: own for own in own_measures(world.observation())}
    assert own["orders"].latency_ms == pytest.approx(70.0 - 50.0 / 2)
    assert own["payments"].latency_ms == 50.0
    assert own["payments"].busy_ms == pytest.approx(12.5)
    assert {each.metric for each in measures(world.observation(), own.values())} == {
        "latency_p95_ms", "error_percent", "own_error_percent", "busy_per_request_ms", "own_latency_ms"
    }  # fmt: skip
