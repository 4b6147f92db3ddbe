"""Drift is found where a mesh has become another than its card, and nowhere else; the card follows it."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from marskit.calibration.drift import LIMIT, SLACK, Cusum, DriftDetector, comparable, residuals, unannounced
from marskit.calibration.renew import ENOUGH, Kept, Renewed, look_back, renew
from marskit.cli.main import main
from marskit.domain.events import FaultInjected
from marskit.domain.faults import InjectErrors, SlowDown
from marskit.domain.goals import Goals
from marskit.knowledge.read.runs import StoredRun
from marskit.mesh.manifests.graph import goals
from marskit.mesh.simulator.card import CallFit, Card, Fitted, HeldOut, StationFit
from marskit.mesh.simulator.card_file import card_text, read_card
from marskit.mesh.simulator.model import TwinModel
from tests.calibration.recorded import demo, demo_model, record
from tests.cli.test_calibrate import store

SLOWER = 1.6
ENOUGH_WORKERS = ((1.0, "payments", 6),)
"""Where the load is more than they carry, latencies tell nothing of service times."""


def slower() -> TwinModel:
    model = demo_model()
    return replace(
        model,
        stations=tuple(
            replace(s, service_ms=s.service_ms * (SLOWER if s.workload == "payments" else 1.0))
            for s in model.stations
        ),
    )


@cache
def drifted() -> StoredRun:
    """The first half is of the mesh as its manifests say, the other of one with slower payments."""
    before = record(demo_model(), scenario="diurnal", seed=7, cycles=70, scales=ENOUGH_WORKERS)
    after = record(slower(), scenario="diurnal", seed=7, cycles=70, scales=ENOUGH_WORKERS)
    return replace(after, records=(*before.records[:25], *after.records[25:]))


@cache
def undrifted() -> StoredRun:
    return record(demo_model(), scenario="diurnal", seed=7, cycles=70, scales=ENOUGH_WORKERS)


def known() -> Card:
    """A card that says what the manifests say, as exactly as a calibration does."""
    model = demo_model()
    return Card(
        ("known",),
        {s.workload: StationFit(Fitted(s.service_ms, 0.2, 100)) for s in model.stations},
        {(c.source, c.service): CallFit(Fitted(c.per_request, 0.01, 100)) for c in model.calls},
        tuple(HeldOut(s, 50, 5.0, 7.0) for s in ("orders", "payments", "recommendations")),
    )


def demo_goals() -> Goals:
    return goals(demo())


def test_the_sums_forget_chance_and_remember_a_shift() -> None:
    rng = np.random.default_rng(1)
    right = Cusum()
    assert all(right.add(cycle, value) is None for cycle, value in enumerate(rng.normal(0, 1, 500)))
    for sign in (1.0, -1.0):
        shifted = Cusum()
        noise = rng.normal(0, 1, 100)
        found = [
            (cycle, since)
            for cycle in range(100)
            if (since := shifted.add(cycle, noise[cycle] + sign * 2.0 * (cycle >= 50))) is not None
        ]
        cycle, since = found[0]
        assert 40 <= since <= 53
        assert 50 < cycle <= 50 + 2 * LIMIT / (2.0 - SLACK)


def test_a_service_that_became_slower_is_found_and_named_within_a_few_windows() -> None:
    found = watch(drifted())
    assert found.drift is not None
    assert found.drift.edge.workload == "payments"
    assert 24 <= found.drift.since <= 30
    assert found.drift.found <= 36
    assert found.drift.sentence.startswith("payments responds ")
    assert watch(undrifted()).drift is None


def watch(run: StoredRun) -> DriftDetector:
    errors = {held.service: held.p95_error_percent for held in known().held_out}
    watch = DriftDetector(demo_model(), errors, demo_goals())
    for count in range(1, len(run.records) + 1):
        watch.see(run.records[:count])
    return watch


def test_the_residuals_of_a_twin_that_is_right_are_chance() -> None:
    rows = residuals(demo_model(), demo_goals(), comparable(undrifted().records))
    assert len(rows) > 60
    off = np.array([row.deviations(7.0) for row in rows])
    assert abs(off.mean()) < 0.5
    assert off.std() < 1.5


def test_the_new_card_has_the_new_service_time_keeps_all_else_and_foretells_better() -> None:
    found = look_back(demo_model(), known(), drifted())
    assert isinstance(found, Renewed)
    card, renewal = found.card, found.card.renewal
    assert renewal is not None
    now = card.stations["payments"].service_ms
    assert now is not None
    assert now.value == pytest.approx(SLOWER * demo_model().station("payments").service_ms, rel=0.05)
    assert {w: s for w, s in card.stations.items() if w != "payments"} == {
        w: s for w, s in known().stations.items() if w != "payments"
    }
    assert card.version == 2
    assert card.runs == ("known", drifted().started.run)
    assert (renewal.drifted, renewal.last_cycle) == ("payments", 70)
    assert renewal.error_after_percent < 0.6 * renewal.error_before_percent
    assert isinstance(look_back(demo_model(), card, undrifted()), Renewed), "and back again"


def test_a_card_that_foretells_no_better_is_not_taken() -> None:
    """What makes payments slower is gone when the new card is tried: by then the old one is right."""
    both, calm = drifted(), undrifted()
    drift = watch(both).drift
    assert drift is not None
    shown = [s for s in comparable(both.records) if s.record.cycle.id >= drift.since]
    until = shown[6].record.cycle.id
    passing = replace(both, records=(*both.records[:until], *calm.records[until:]))
    found = renew(demo_model(), known(), demo_goals(), passing, drift)
    assert isinstance(found, Kept)
    assert "predicts no better" in found.sentence


def test_too_few_windows_are_waited_for() -> None:
    drift = watch(drifted()).drift
    assert drift is not None
    early = replace(drifted(), records=drifted().records[: drift.found])
    assert renew(demo_model(), known(), demo_goals(), early, drift) is None
    assert f"fewer than {ENOUGH} windows" in look_back(demo_model(), known(), early).sentence


def test_a_slow_down_on_purpose_is_drift_but_other_faults_are_left_out() -> None:
    def with_fault(fault: SlowDown | InjectErrors) -> StoredRun:
        records = list(drifted().records)
        records[24] = replace(records[24], incidents=(FaultInjected(records[24].cycle.ended_at_s, fault),))
        return replace(drifted(), records=tuple(records))

    assert isinstance(look_back(demo_model(), known(), with_fault(SlowDown("payments", 1.6))), Renewed)
    broken = look_back(demo_model(), known(), with_fault(InjectErrors("payments", 5.0)))
    assert broken.sentence.startswith("no drift in ")
    assert not any(record.incidents for record in unannounced(with_fault(SlowDown("x", 2.0)).records))


def test_a_renewed_card_survives_its_file(tmp_path: Path) -> None:
    found = look_back(demo_model(), known(), drifted())
    assert isinstance(found, Renewed)
    path = tmp_path / "card.toml"
    path.write_text(card_text(found.card, demo_model()))
    assert read_card(path, demo_model()) == found.card


def test_the_command_writes_a_card_only_where_there_is_drift(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    runs, card, out = tmp_path / "runs", tmp_path / "card.toml", tmp_path / "new.toml"
    card.write_text(card_text(known(), demo_model()))
    files = ["--runs", str(runs), "--card", str(card), "--out", str(out)]
    arguments = ["calibrate", "--if-drifted", "last", *files]
    store(runs, undrifted())
    assert main(arguments) == 0
    assert "run diurnal-7: no drift in " in capsys.readouterr().out
    assert not out.exists()
    store(runs, replace(drifted(), started=replace(drifted().started, run="later")))
    assert main(arguments) == 0
    assert "run later: The twin was recalibrated from " in capsys.readouterr().out
    assert read_card(out, demo_model()).version == 2
    assert main(["calibrate", "last", "--runs", str(runs), "--card", str(card)]) == 2
    assert "it needs --if-drifted" in capsys.readouterr().err
