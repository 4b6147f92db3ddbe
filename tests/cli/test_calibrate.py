import asyncio
from pathlib import Path

import pytest

from marskit.cli.main import main
from marskit.knowledge.read.runs import StoredRun
from marskit.knowledge.storage.files import run_folder
from marskit.knowledge.write.parquet import ParquetKnowledge
from marskit.mesh.simulator.card_file import read_card
from tests.calibration.recorded import demo_model, record

BOOKSHOP = "examples/bookshop"


def store(root: Path, run: StoredRun) -> None:
    async def stored() -> None:
        knowledge = ParquetKnowledge(root)
        await knowledge.open(run.started)
        for each in run.records:
            for incident in each.incidents:
                knowledge.note(incident)
            await knowledge.append(each.cycle)
        await knowledge.close()

    run_folder(root, run.started.run).mkdir(parents=True)
    asyncio.run(stored())


def test_runs_become_a_card_on_the_screen_and_in_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    for scenario in ("diurnal", "spike"):
        store(tmp_path / "runs", record(demo_model(), scenario=scenario, seed=3, cycles=25))
    out = tmp_path / "card.toml"
    # A name twice, by its beginning and as the last one, is one run.
    arguments = ["calibrate", "diur", "spike-3", "last", "--runs", str(tmp_path / "runs"), "--out", str(out)]
    assert main(arguments) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "Calibration of the twin to 2 recorded runs"
    assert any(line.startswith("held out") for line in shown)
    card = read_card(out, demo_model())
    assert card.runs == ("diurnal-3", "spike-3")
    payments = card.stations["payments"].service_ms
    assert payments is not None
    assert payments.value == pytest.approx(40, rel=0.05)


def test_without_a_file_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store(tmp_path / "runs", record(demo_model(), scenario="steady", seed=3, cycles=5))
    before = sorted(tmp_path.rglob("*"))
    assert main(["calibrate", "last", "--runs", str(tmp_path / "runs")]) == 0
    assert "Use --out FILE to save this card." in capsys.readouterr().out
    assert sorted(tmp_path.rglob("*")) == before


def test_what_cannot_be_calibrated_to_is_said_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "runs"
    store(runs, record(demo_model(), scenario="steady", seed=3, cycles=2))
    nowhere = tmp_path / "no" / "card.toml"
    for arguments, complaint in (
        (["june"], f"{runs} contains no run 'june'; the latest is steady-3."),
        (["last", "--out", str(nowhere)], f"--out is {nowhere}; it must be a file in a folder that exists."),
        (
            [
                "last",
                "--manifests",
                "examples/bookshop/manifests",
                "--mapping",
                "examples/bookshop/marskit.toml",
            ],
            "run steady-3: it was recorded on another mesh; its workloads are orders, payments, "
            "recommendations-food, recommendations-music, those of the manifests ",
        ),
    ):
        assert main(["calibrate", *arguments, "--runs", str(runs)]) == 2
        told = capsys.readouterr().err
        assert complaint in told
        assert told.count("marskit: ") == 1
