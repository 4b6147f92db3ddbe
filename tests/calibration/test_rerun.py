from dataclasses import replace
from itertools import pairwise

import pytest

from marskit.calibration.error import CalibrationError
from marskit.calibration.rerun import Course, course, replay, started_as
from marskit.domain.actions import Action, Scale, SetOutlierDetection, SetRetries, SetTimeout, ShiftTraffic
from marskit.domain.config import Retries
from marskit.domain.faults import ClearFaults, Fault, HangReplica, InjectErrors, KillReplica, SlowDown
from marskit.domain.topology import EdgeId
from marskit.mesh.manifests.graph import configuration
from tests.calibration.recorded import LEAD_S, demo, demo_model, engine, record

ENTRANCE = EdgeId("ingress", "orders", "orders")
PAYMENTS = EdgeId("orders", "payments", "payments")
FOOD = EdgeId("orders", "recommendations", "recommendations-food")
MUSIC = EdgeId("orders", "recommendations", "recommendations-music")
BEFORE, AFTER = (0.0, 20.0), (22.0, 42.0)


def steady(*changes: tuple[float, Action | Fault]) -> Course:
    """Forty requests a second, evenly."""
    return Course("run", tuple(n / 40 for n in range(1, 1700)), changes, configuration(demo()))


def counts(played: Course) -> tuple[dict[EdgeId, int], dict[EdgeId, int]]:
    before, after = replay(demo_model(), played, [BEFORE, AFTER], engine, [1])
    return {e: h.n for e, h in before.items()}, {e: h.n for e, h in after.items()}


def medians(played: Course, edge: EdgeId) -> tuple[float, float]:
    before, after = replay(demo_model(), played, [BEFORE, AFTER], engine, [1])
    found = before[edge].quantile_ms(0.5), after[edge].quantile_ms(0.5)
    assert found[0] is not None
    assert found[1] is not None
    return found[0], found[1]


def test_windows_may_overlap_and_every_twin_counts() -> None:
    windows = [(0.0, 10.0), (5.0, 15.0), (0.0, 15.0)]
    first, second, whole = replay(demo_model(), steady(), windows, engine, [1, 2])
    once, _, _ = replay(demo_model(), steady(), windows, engine, [1])
    assert first[ENTRANCE].n == pytest.approx(2 * once[ENTRANCE].n, abs=20)
    assert first[ENTRANCE].n == pytest.approx(800, abs=20)
    assert second[ENTRANCE].n == pytest.approx(800, abs=20)
    assert whole[ENTRANCE].n == pytest.approx(1200, abs=20)


def test_a_traffic_shift_moves_requests_when_it_was_made() -> None:
    shift = ShiftTraffic("recommendations", 2, (("food", 90), ("music", 10)))
    before, after = counts(steady((21.0, shift)))
    assert before[FOOD] == pytest.approx(before[MUSIC], rel=0.2)
    assert after[FOOD] == pytest.approx(9 * after[MUSIC], rel=0.4)


def test_scaling_down_to_too_little_makes_requests_wait() -> None:
    before, after = medians(steady((21.0, Scale("payments", 1))), PAYMENTS)
    assert after > 1.1 * before


def test_a_timeout_ends_what_takes_longer() -> None:
    before, after = counts(steady((21.0, SetTimeout("payments", 0, 40))))
    assert after[PAYMENTS] < 0.8 * before[PAYMENTS]


def test_retries_repair_what_fails() -> None:
    errors = (0.0, InjectErrors("payments", 30.0))
    before, after = counts(steady(errors, (21.0, SetRetries("payments", 0, Retries(3, None, "5xx")))))
    assert before[PAYMENTS] == pytest.approx(0.7 * 800, rel=0.1)
    assert after[PAYMENTS] == pytest.approx(800, rel=0.05)


def test_faults_are_repeated_and_mended() -> None:
    slow, mended = medians(
        steady(
            (0.0, SlowDown("recommendations-food", 3.0)), (20.5, KillReplica("orders")), (21.0, ClearFaults())
        ),
        FOOD,
    )
    assert slow > 2 * mended


def test_a_replica_hangs_until_it_is_mended() -> None:
    limited = steady(
        (0.0, SetTimeout("payments", 0, 400)), (10.0, HangReplica("payments")), (20.5, ClearFaults())
    )
    broken, mended = counts(limited)
    assert broken[PAYMENTS] < 0.9 * mended[PAYMENTS]


def test_what_the_twin_does_not_simulate_changes_nothing() -> None:
    assert counts(steady((21.0, SetOutlierDetection("payments", None)))) == counts(steady())


def test_a_run_begins_with_the_replicas_and_routes_it_had() -> None:
    had = configuration(demo())
    timed = tuple(replace(r, timeout_ms=77) if r.virtual_service == "payments" else r for r in had.routes)
    shifted = tuple(
        replace(
            r,
            destinations=tuple(
                replace(d, weight_percent=80 if d.subset == "food" else 20) for d in r.destinations
            ),
        )
        if len(r.destinations) > 1
        else r
        for r in timed
    )
    model = started_as(demo_model(), replace(had, replicas=(("payments", 5),), routes=shifted))
    assert model.station("payments").replicas == 5
    assert model.station("orders").replicas == 2
    assert next(call for call in model.calls if call.service == "payments").timeout_ms == 77
    split = next(call for call in model.calls if call.service == "recommendations")
    assert split.splits == (("recommendations-food", 80), ("recommendations-music", 20))


def test_the_arrivals_are_those_of_scenario_and_seed() -> None:
    run = record(demo_model(), scenario="steady", seed=5, cycles=10)
    found = course(run)
    assert all(earlier <= later for earlier, later in pairwise(found.arrivals_s))
    assert found.arrivals_s[0] >= LEAD_S
    entered = sum(
        record.cycle.observation.edges[0].requests_per_s * record.cycle.observation.window_s
        for record in run.records[1::2]
    )
    assert len(found.arrivals_s) == pytest.approx(entered, abs=10)
    assert course(run) == found
    assert course(record(demo_model(), scenario="steady", seed=6, cycles=10)).arrivals_s != found.arrivals_s


def test_a_scenario_that_is_unknown_or_has_changed_is_said() -> None:
    run = record(demo_model(), scenario="spike", seed=5, cycles=3)
    for change, complaint in (
        ({"name": "mine"}, "its scenario 'mine' is not one of the shipped ones"),
        ({"duration_s": 1.0}, "its scenario 'spike' has changed since"),
    ):
        scenario = replace(run.started.scenario, **change)
        with pytest.raises(CalibrationError, match=complaint):
            course(replace(run, started=replace(run.started, scenario=scenario)))
