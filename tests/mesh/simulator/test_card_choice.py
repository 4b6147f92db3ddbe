"""Edited manifests against the card that was fitted before the edit."""

import shutil
from pathlib import Path

import pytest

from marskit.assembly.bootstrap import card_remarks, twin_card
from marskit.assembly.settings import Settings
from marskit.cli.main import main
from marskit.demo import DEMO_MANIFESTS
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.simulator.card import Card, Fitted, HeldOut, StationFit
from marskit.mesh.simulator.card_choice import choose_card
from marskit.mesh.simulator.card_file import demo_card, write_card
from marskit.mesh.simulator.compile import calibrated, twin_model
from marskit.mesh.simulator.model import TwinModel
from tests.paths import ROOT

PLAIN = twin_model(load_mesh(DEMO_MANIFESTS))


def edited(folder: Path, workload: str, variable: str, old: str, new: str) -> tuple[Path, ...]:
    """The demo's manifests with another value of one workload's variable."""
    copies = []
    for source in DEMO_MANIFESTS:
        copy = folder / source.name
        shutil.copytree(source, copy) if source.is_dir() else shutil.copy(source, copy)
        copies.append(copy)
    (file,) = [each for copy in copies for each in copy.rglob("*.yaml") if is_deployment(each, workload)]
    before = f'name: {variable}\n              value: "{old}"'
    head, found, tail = file.read_text().partition(f"name: {workload}\n")
    assert before in tail
    file.write_text(head + found + tail.replace(before, before.replace(f'"{old}"', f'"{new}"'), 1))
    return tuple(copies)


def is_deployment(file: Path, workload: str) -> bool:
    text = file.read_text()
    return "kind: Deployment" in text and f"name: {workload}\n" in text and "overlays" not in file.parts


def with_card(model: TwinModel) -> TwinModel:
    card = choose_card(model, None).card
    assert card is not None
    return calibrated(model, card)


def test_the_shipped_card_gives_way_to_an_edited_service_time_and_only_there(tmp_path: Path) -> None:
    manifests = edited(tmp_path, "payments", "SERVICE_TIME_MS", "40", "80")
    model = with_card(twin_model(load_mesh(manifests)))
    usual = calibrated(PLAIN, demo_card())
    assert model.station("payments").service_ms == 80.0
    assert model.station("payments").service_cv == usual.station("payments").service_cv
    assert model.station("payments").start_s == usual.station("payments").start_s
    for workload in ("orders", "recommendations-food", "recommendations-music"):
        assert model.station(workload) == usual.station(workload)


def test_what_rests_on_an_edited_number_counts_as_unchecked(tmp_path: Path) -> None:
    manifests = edited(tmp_path, "payments", "SERVICE_TIME_MS", "40", "80")
    card = choose_card(twin_model(load_mesh(manifests)), None).card
    assert card is not None
    # orders calls payments; recommendations does not.
    assert {held.service for held in demo_card().held_out} == {"orders", "payments", "recommendations"}
    assert [held.service for held in card.held_out] == ["recommendations"]


def test_the_spread_of_service_times_counts_too(tmp_path: Path) -> None:
    manifests = edited(tmp_path, "recommendations-food", "SERVICE_TIME_CV", "0.5", "1.5")
    model = with_card(twin_model(load_mesh(manifests)))
    usual = calibrated(PLAIN, demo_card()).station("recommendations-food")
    assert model.station("recommendations-food").service_cv == 1.5
    assert model.station("recommendations-food").service_ms == usual.service_ms


def test_unchanged_manifests_use_the_whole_card_without_a_word() -> None:
    chosen = choose_card(PLAIN, None)
    assert (chosen.card, chosen.remarks) == (demo_card(), ())
    assert card_remarks(load_mesh(DEMO_MANIFESTS), None) == ()


def test_a_card_of_ones_own_wins_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    card = Card(
        ("run",),
        {"payments": StationFit(service_ms=Fitted(41.5, 0.1, 9))},
        held_out=(HeldOut("payments", 9, 1, 2),),
    )
    write_card(path, card, PLAIN)
    (tmp_path / "shop").mkdir()
    manifests = edited(tmp_path / "shop", "payments", "SERVICE_TIME_MS", "40", "80")
    config = load_mesh(manifests)
    used = twin_card(Settings(mesh="twin", card=path, manifests=manifests), config)
    assert used is not None
    assert calibrated(twin_model(config), used).station("payments").service_ms == 41.5
    assert used.held_out == card.held_out
    assert card_remarks(config, path) == (
        f"SERVICE_TIME_MS of payments is 80, but was 40 in the manifests that {path} was fitted to. "
        "The twin uses the card's 41.5.",
    )


def test_check_and_compare_say_which_number_is_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop").mkdir()
    manifests = [str(path) for path in edited(tmp_path / "shop", "payments", "SERVICE_TIME_MS", "40", "80")]
    sentence = (
        "SERVICE_TIME_MS of payments is 80, but was 40 in the manifests that the shipped calibration card "
        "was fitted to. The twin uses 80; how well it predicts payments and its callers is unknown until you "
        "calibrate it."
    )
    assert main(["check", *manifests]) == 0
    assert sentence in capsys.readouterr().out
    load = ROOT / "locust" / "scenarios" / "spike.toml"
    arguments = ["--planners", "static", "--scenarios", str(load), "--seeds", "1", "--engine", "fast"]
    assert main(["compare", "--manifests", *manifests, *arguments]) == 0
    assert sentence in " ".join(capsys.readouterr().out.split())
    arguments = ["--mesh", "twin", "--headless", "--cycles", "1", "--runs", str(tmp_path / "runs")]
    assert main(["--manifests", *manifests, *arguments]) == 0
    assert sentence in " ".join(capsys.readouterr().out.split())
