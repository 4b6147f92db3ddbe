"""Every question on nothing, on one row and on numbers that are none; and `marskit ask`."""

import json
from math import nan
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from marskit.cli.main import main
from marskit.knowledge.questions.catalogue import QUESTIONS, Asked
from marskit.knowledge.storage.files import run_folder
from tests.knowledge.cycles import cycle
from tests.knowledge.questions.small import Frames, random_frames
from tests.knowledge.test_parquet import store


def one_row(number: float | None) -> Frames:
    frames = Frames()
    frames.begin("a", mesh="twin")
    common = {"requests_per_s": number, "failures_per_s": number, "latency_n": 100, "latency_p95_ms": number}
    frames.add("cycles", "a", 1, covers_s=2.0, speed=1.0, scenario="spike", scenario_s=number, actions=1)
    frames.add("services", "a", 1, service="shop", slo_latency_ms=100.0, slo_met=True, **common)
    frames.add("workloads", "a", 1, workload="shop", replicas_ready=1, utilisation=number)
    frames.add("edges", "a", 1, source="ingress", service="shop", workload="shop", **common)
    frames.add("symptoms", "a", 1, kind="saturation", subject="shop")
    frames.add("executions", "a", 1, execution=1, action="scale shop to 2", target="shop", outcome="applied")
    return frames


@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.parametrize("frames", [Frames(), one_row(nan), one_row(None), one_row(0.0), one_row(3.0)])
def test_every_question_has_an_answer_with_its_columns(name: str, frames: Frames) -> None:
    question = QUESTIONS[name]
    if question.about_a_cycle and not frames.started:
        return
    for by in question.by or (None,):
        for of in question.of or (None,):
            told = question.answer(frames, Asked(by=by, of=of, run="a", cycle=1)).collect()
            wanted = [c for c in question.columns if c in told.columns]
            assert told.columns == wanted
            left_out = set(question.columns) - set(wanted)
            assert all("with `by=" in question.columns[column] for column in left_out)
            if not frames.started:
                assert told.height == 0


@pytest.mark.parametrize("name", QUESTIONS)
def test_only_the_runs_that_are_named_are_asked(name: str) -> None:
    frames = random_frames(7, runs=8)
    only = ("run-1", "run-2")
    part = Frames(
        {table: [row for row in rows if row["run"] in only] for table, rows in frames.tables.items()},
        {run: frames.started[run] for run in only},
    )
    cycle = next(row["cycle"] for row in frames.rows("cycles") if row["run"] == "run-1")
    answer = QUESTIONS[name].answer
    limited = answer(frames, Asked(runs=only, run="run-1", cycle=cycle)).collect()
    assert_frame_equal(limited, answer(part, Asked(run="run-1", cycle=cycle)).collect())


async def test_ask_answers_over_stored_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await store(tmp_path, [cycle(1), cycle(2, met=False, act=True)])
    run = await store(tmp_path, [cycle(n, met=n != 5, act=n == 5) for n in range(1, 20)])
    for name, question in QUESTIONS.items():
        about = [run, "--cycle", "7"] if question.about_a_cycle else []
        assert main(["ask", name, *about, "--runs", str(tmp_path), "--json"]) == 0
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert rows or name == "sim-error"
        assert all(set(row) <= set(question.columns) for row in rows)
    assert main(["ask", "slo", "--runs", str(tmp_path), "--run", run, "--json"]) == 0
    (row,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (row["run"], row["windows"], row["met"]) == (run, 19, 18)
    assert main(["ask", "slo", "--runs", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert run in shown
    assert "negative if overspent" in shown
    (log,) = run_folder(tmp_path, run).glob("events-*")
    (table,) = run_folder(tmp_path, run).glob("services-*")
    log.write_bytes(b"")
    table.write_bytes(b"")
    assert main(["ask", "slo", "--runs", str(tmp_path), "--json"]) == 0
    told = capsys.readouterr()
    assert run not in told.out
    assert str(table) in told.err


async def test_ask_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask"]) == 0
    assert capsys.readouterr().out.splitlines()[0].startswith("slo")
    runs = ["--runs", str(tmp_path)]
    assert main(["ask", "slo", *runs]) == 2
    assert capsys.readouterr().err == f"marskit: {tmp_path} contains no runs.\n"
    run = await store(tmp_path, [cycle(1)])
    for arguments, sentence in {
        ("why",): "There is no question 'why'; choose one of slo, effects",
        ("slo", "--by", "day"): "--by is 'day'; allowed are run, time, service",
        ("effects", "--of", "edges"): "--of is 'edges'; this question has no such choice",
        ("similar", "last"): "`ask similar` needs a RUN and --cycle",
        ("slo", "last"): "`ask slo` takes neither a RUN nor --cycle",
        ("similar", "last", "--cycle", "8"): f"Run {run} has no cycle 8",
        ("slo", "--run", "none"): "contains no run 'none'",
    }.items():
        assert main(["ask", *arguments, *runs]) == 2
        assert sentence in capsys.readouterr().err
    assert main(["ask", "sim-error", *runs]) == 0
    assert capsys.readouterr().err == "The recorded runs hold no data for this question.\n"
