from collections.abc import Iterator
from dataclasses import replace
from statistics import fmean

import pytest

from marskit.calibration.calibrate import Calibration, calibrate
from marskit.calibration.error import CalibrationError
from marskit.calibration.held_out import compare, errors
from marskit.calibration.rerun import course
from marskit.domain.topology import Workload
from marskit.knowledge.read.runs import StoredRun
from marskit.knowledge.record import Record
from marskit.mesh.simulator.card import Fitted
from tests.calibration.recorded import demo_model, engine, known_model, record

TRUTH = known_model(
    service_ms={
        "orders": 13.0,
        "payments": 34.0,
        "recommendations-food": 22.0,
        "recommendations-music": 27.0,
    },
    cv={"orders": 0.6, "payments": 0.8, "recommendations-food": 0.35, "recommendations-music": 0.6},
    hop_ms={("ingress", "orders"): 5.0, ("orders", "recommendations"): 3.0, ("orders", "payments"): 4.0},
    per_request=0.8,
    start_s=1.2,
)
SEEDS = (1, 2, 3, 4)

# On one worker: what all of them look at takes long to make.
pytestmark = pytest.mark.xdist_group("calibrations")


def runs(seed: int) -> tuple[StoredRun, StoredRun]:
    up_and_down = [(12.0, "payments", 4), (44.0, "payments", 2)]
    more = [(20.0, "payments", 3), (30.0, "payments", 4), (40.0, "payments", 5), (50.0, "orders", 3)]
    return (
        record(TRUTH, scenario="diurnal", seed=10 * seed, cycles=40, scales=more),
        record(TRUTH, scenario="spike", seed=10 * seed + 1, cycles=40, scales=up_and_down),
    )


@pytest.fixture(scope="module")
def calibrations() -> tuple[Calibration, ...]:
    return tuple(calibrate(demo_model(), runs(seed), engine) for seed in SEEDS)


def fitted(calibration: Calibration) -> Iterator[tuple[str, Fitted, float]]:
    """Every number that was fitted, beside the true one."""
    for station in TRUTH.stations:
        for name in ("service_ms", "service_cv", "start_s"):
            fit = getattr(calibration.card.stations[station.workload], name)
            if fit is not None:
                yield f"{station.workload} {name}", fit, getattr(station, name)
    for call in TRUTH.calls:
        for name in ("per_request", "hop_ms"):
            fit = getattr(calibration.card.calls[call.source, call.service], name)
            if fit is not None:
                yield f"{call.source} → {call.service} {name}", fit, getattr(call, name)


def test_known_numbers_come_back_within_their_uncertainty(calibrations: tuple[Calibration, ...]) -> None:
    found = [each for calibration in calibrations for each in fitted(calibration)]
    names = {name for name, _, _ in found}
    assert len(names) >= 16
    missed = [(name, fit, true) for name, fit, true in found if abs(fit.value - true) > 3 * fit.stderr + 1e-9]
    assert len(missed) <= 0.05 * len(found), missed


def test_the_uncertainty_is_small_enough_to_be_of_use(calibrations: tuple[Calibration, ...]) -> None:
    for calibration in calibrations:
        for name, fit, true in fitted(calibration):
            most = 0.03 if "service_ms" in name or "per_request" in name else 0.12
            if "hop_ms" not in name:
                assert fit.stderr <= most * true, (name, fit)
            else:
                assert fit.stderr <= 2.0, (name, fit)


def test_the_twin_repeats_what_it_was_not_fitted_to(calibrations: tuple[Calibration, ...]) -> None:
    for calibration in calibrations:
        assert [e.service for e in calibration.card.held_out] == ["orders", "payments", "recommendations"]
        assert all(error.n >= 25 for error in calibration.card.held_out)
    assert fmean(error.p95_error_percent for c in calibrations for error in c.card.held_out) < 10
    assert fmean(error.p50_error_percent for c in calibrations for error in c.card.held_out) < 5


def test_the_manifests_numbers_repeat_it_worse(calibrations: tuple[Calibration, ...]) -> None:
    # Of all seeds together: one seed's median may be lucky.
    fitted_to = errors(each for calibration in calibrations for each in calibration.compared)
    alone = errors(
        each
        for seed in SEEDS
        for run in runs(seed)
        for each in compare(demo_model(), run, course(run), engine, [seed])
    )
    by_service = {error.service: error for error in fitted_to}
    assert {error.service for error in alone} == set(by_service)
    for error in alone:
        assert error.p50_error_percent > 2 * by_service[error.service].p50_error_percent
    mean_percent = fmean(error.p95_error_percent for error in fitted_to)
    assert fmean(error.p95_error_percent for error in alone) > 1.5 * mean_percent


def test_the_same_runs_give_the_same_card() -> None:
    short = [record(TRUTH, scenario="spike", seed=seed, cycles=15) for seed in (1, 2)]
    assert calibrate(demo_model(), short, engine) == calibrate(demo_model(), short, engine)


def test_a_single_run_is_checked_by_its_last_part() -> None:
    run = runs(4)[0]
    steps: list[tuple[int, int, str]] = []
    found = calibrate(demo_model(), [run], engine, progress=lambda *step: steps.append(step))
    last_s = run.records[-1].cycle.observation.at_s
    assert found.compared
    assert all(each.at_s > 0.7 * last_s for each in found.compared)
    assert steps[0][:2] == (0, 3)
    assert steps[-1] == (3, 3, "done")


def test_what_the_runs_do_not_tell_stays_open_and_is_said() -> None:
    found = calibrate(demo_model(), [record(TRUTH, scenario="steady", seed=1, cycles=6)], engine)
    card = found.card
    assert card.stations["payments"].start_s is None
    assert card.stations["orders"].service_cv is None
    assert "Start time of payments: only 0 scale-ups; 5 are needed." in found.untold
    assert any(sentence.startswith("Service time of payments: fewer than 5") for sentence in found.untold)
    assert any(sentence.startswith("Hop of orders → payments: fewer than 5") for sentence in found.untold)


def twice_as_loud(record: Record) -> Record:
    observation = record.cycle.observation
    assert observation.load is not None
    louder = replace(observation, load=replace(observation.load, factor=2.0))
    return replace(record, cycle=replace(record.cycle, observation=louder))


def test_a_run_whose_load_was_changed_by_hand_is_fitted_to_but_not_repeated() -> None:
    first, second = runs(5)
    louder = replace(second, records=tuple(map(twice_as_loud, second.records)))
    found = calibrate(demo_model(), [first, louder], engine)
    assert found.card.runs == (first.started.run, second.started.run)
    assert {each.run for each in found.compared} == {first.started.run}
    complaint = "its load was changed by hand, so its arrivals are unknown."
    assert f"Accuracy of the twin for run {second.started.run}: {complaint}" in found.untold


def test_a_run_of_another_mesh_is_refused() -> None:
    run = record(TRUTH, scenario="steady", seed=1, cycles=3)
    topology = replace(run.started.topology, workloads=(Workload("cart", "cart", None),))
    other = replace(run, started=replace(run.started, topology=topology))
    with pytest.raises(
        CalibrationError,
        match="it was recorded on another mesh; its workloads are cart, those of the manifests",
    ):
        calibrate(demo_model(), [other], engine)


def test_runs_without_a_window_are_refused() -> None:
    run = record(TRUTH, scenario="steady", seed=1, cycles=3)
    with pytest.raises(CalibrationError, match="no window without faults"):
        calibrate(demo_model(), [replace(run, records=())], engine)
