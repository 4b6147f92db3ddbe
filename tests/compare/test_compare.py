"""A whole comparison on the twin: same arrivals for all, honest failures, and a report that needs nothing."""

import re
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

from marskit.agents.hpa_behaviour import TARGETS_PERCENT, WINDOWS_S
from marskit.assembly.settings import Settings
from marskit.cli.main import main
from marskit.compare import tuning
from marskit.compare.jobs import Conducted, Failed, Job, Measured, grid, run
from marskit.compare.page import page
from marskit.compare.runner import run_all
from marskit.compare.summary import summarise
from marskit.compare.tuning import choose, tuning_jobs
from tests.paths import ROOT

SHORT = """
title = "Short"
description = "A rush of half a minute."
duration_s = 300
speed = 7.5
users = 20
[arrival]
kind = "spike"
base_requests_per_s = 30
peak_requests_per_s = 120
from_s = 60
until_s = 200
edge_s = 5
[[request]]
name = "order"
method = "POST"
path = "/orders"
json = { item = "book", quantity = 1, amount = 10.0 }
"""


@pytest.fixture
def scenario(tmp_path: Path) -> str:
    path = tmp_path / "short.toml"
    path.write_text(SHORT)
    return str(path)


def usual(tmp_path: Path) -> Settings:
    return Settings(mesh="twin", runs=tmp_path / "runs")


def test_the_grid_has_every_planner_on_every_load() -> None:
    jobs = list(grid(["static", "hpa"], ["spike", "ramp"], [1, 2, 3], Settings(mesh="twin")))
    assert len({(job.planner, job.scenario, job.seed) for job in jobs}) == 12
    assert all(job.settings.seed == job.seed for job in jobs)


def test_all_planners_meet_the_same_arrivals_and_static_pays_for_it(tmp_path: Path, scenario: str) -> None:
    jobs = grid(["static", "threshold", "demand"], [scenario], [1], usual(tmp_path))
    told: list[str] = []
    results = run_all(list(jobs), lambda job, result: told.append(job.planner))
    measured = [result for result in results if isinstance(result, Measured)]
    assert sorted(told) == ["demand", "static", "threshold"]
    assert [m.planner for m in measured] == ["static", "threshold", "demand"]
    rates = [[point.requests_per_s for point in m.points[:4]] for m in measured]
    # Answers are counted: with fewer replicas one or two of a window's come after its end. Another seed's
    # arrivals are several a second away.
    assert rates[1] == pytest.approx(rates[0], abs=0.5)
    assert rates[2] == pytest.approx(rates[0], abs=0.5)
    static, threshold, _ = measured
    assert static.actions == 0
    assert static.violation_minutes > 2 * threshold.violation_minutes
    assert all(m.breaches == 0 for m in measured)
    for m in measured:
        terms = m.violated_per_s + m.failed_per_s + m.replica_cost_per_s + m.action_churn_per_s
        assert m.utility_per_s == pytest.approx(m.served_within_slo_per_s - terms)


def test_the_same_job_measures_the_same(tmp_path: Path, scenario: str) -> None:
    (job,) = grid(["lookahead"], [scenario], [5], usual(tmp_path))
    assert run(job) == run(job)


def test_a_job_that_fails_is_a_result(tmp_path: Path) -> None:
    (job,) = grid(["static"], ["spike"], [1], usual(tmp_path))
    broken = Job(job.planner, job.scenario, job.seed, Settings(mesh="twin", manifests=(tmp_path / "none",)))
    (result,) = run_all([broken], lambda job, result: None)
    assert isinstance(result, Failed)
    assert "none" in result.reason


def test_a_summary_tells_differences_to_the_autoscaler(tmp_path: Path, scenario: str) -> None:
    jobs = list(grid(["static", "hpa"], [scenario], [1, 2], usual(tmp_path)))
    measured = [result for result in run_all(jobs, lambda job, result: None) if isinstance(result, Measured)]
    summary = summarise(measured)
    assert summary.baseline == "hpa"
    static, hpa = summary.planners
    assert static.violations_against.value > 0
    assert (hpa.violations_against.value, hpa.replicas_against.value) == (0.0, 0.0)


def test_the_oracle_takes_nobody_off_the_front() -> None:
    points = {"static": (30.0, 3.0), "hpa": (50.0, 1.0), "worse": (55.0, 1.5), "oracle": (25.0, 0.0)}
    summary = summarise([measured(name, 1, *point) for name, point in points.items()])
    assert {p.planner: (p.is_on_front, p.is_bound) for p in summary.planners} == {
        "static": (True, False),
        "hpa": (True, False),
        "worse": (False, False),
        "oracle": (False, True),
    }
    drawn = page(summary, [measured(name, 1, *point) for name, point in points.items()], {})
    assert "excluded from the front" in drawn
    assert drawn.count("<polygon") == 1


def measured(
    planner: str, seed: int, replicas: float, violations: float, utility: float = 1.0, scenario: str = "spike"
) -> Measured:
    zeros = dict.fromkeys(
        ("served_within_slo_per_s", "violated_per_s", "failed_per_s", "replica_cost_per_s"), 0.0
    )
    return Measured(
        planner=planner,
        scenario=scenario,
        seed=seed,
        violation_minutes=violations,
        replica_minutes=replicas,
        failed_requests=0,
        mesh_failures=0,
        actions=0,
        utility_per_s=utility,
        action_churn_per_s=0.0,
        clamped=0,
        breaches=0,
        points=(),
        reproducible=True,
        conduct=Conducted(),
        **zeros,
    )


def test_the_best_mean_utility_is_chosen_and_of_equals_the_one_with_fewer_violations() -> None:
    runs = [
        measured("hpa:50:0", 9000, 50.0, 0.1, 9.0),
        measured("hpa:50:0", 9001, 50.0, 0.1, 3.0),
        measured("hpa:60:0", 9000, 40.0, 1.0, 8.0),
        measured("hpa:60:0", 9001, 40.0, 1.0, 6.0),
        measured("hpa:70:0", 9000, 45.0, 0.5, 7.0),
        measured("hpa:70:0", 9001, 45.0, 0.5, 7.0),
    ]
    search = choose(runs)
    assert search.chosen.planner == "hpa:70:0"
    assert [tuning.utility_per_s for tuning in search.tunings] == [6.0, 7.0, 7.0]
    assert (search.chosen.runs, search.seeds) == (2, (9000, 9001))
    assert choose(runs) == search


def test_it_is_tuned_on_the_twin_on_loads_that_are_not_compared(tmp_path: Path) -> None:
    live = Settings(mesh="envoy", runs=tmp_path)
    jobs = tuning_jobs(["spike", "ramp"], [0, 9000], live, tmp_path / "tuning")
    assert {job.seed for job in jobs} == {9001, 9002}
    assert {job.scenario for job in jobs} == {"spike", "ramp"}
    assert {job.settings.mesh for job in jobs} == {"twin"}
    assert len(jobs) == len(TARGETS_PERCENT) * len(WINDOWS_S) * 2 * 2
    assert "hpa:70:300" in {job.planner for job in jobs}


def test_the_tuned_autoscaler_is_compared_beside_the_default_and_its_search_is_told(
    tmp_path: Path, scenario: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "TARGETS_PERCENT", (50, 80))
    monkeypatch.setattr(tuning, "WINDOWS_S", (0, 300))
    out = tmp_path / "out"
    arguments = ["compare", "--planners", "hpa,hpa-tuned", "--scenarios", scenario, "--seeds", "1"]
    assert main([*arguments, "--out", str(out)]) == 0
    grid_told = pl.read_parquet(out / "tuning.parquet")
    assert grid_told.height == 4
    (chosen,) = grid_told.filter(pl.col("is_chosen"))["planner"]
    best = grid_told.sort("utility_per_s", descending=True)["planner"][0]
    assert chosen == best
    assert f"hpa-tuned is {chosen}: of 4 autoscalers" in capsys.readouterr().out
    report = (out / "report.html").read_text()
    assert "How the autoscaler was tuned" in report
    assert report.count("<td class='chosen") == 1
    (kubernetes,) = re.findall(r"kubernetes' style[^>]*><b>([-.0-9]+)</b>", report)
    of_kubernetes = grid_told.filter(target_percent=80, window_s=300)["utility_per_s"].item()
    assert kubernetes == f"{of_kubernetes:.2f}"
    assert "usual'" not in report  # a target of 70 % was not tried
    assert report.count("· ") >= 4
    outcomes = pl.read_parquet(out / "outcomes.parquet")
    (job,) = grid([chosen], [scenario], [1], usual(tmp_path))
    same = run(job)
    assert isinstance(same, Measured)
    assert outcomes.filter(pl.col("planner") == "hpa-tuned")["utility_per_s"].item() == same.utility_per_s


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_command_writes_a_report_and_parquet(
    tmp_path: Path, scenario: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = ["compare", "--planners", "static,demand", "--scenarios", scenario, "--seeds", "1,2"]
    assert main([*arguments, "--out", str(out)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "identical arrivals" in shown
    assert "Intervals resample 2 runs of each scenario; with fewer than 5 seeds they are too narrow." in shown
    report = (out / "report.html").read_text()
    links = _Links()
    links.feed(report)
    assert links.found == []
    assert "demand" in report
    assert "http" not in report
    outcomes = pl.read_parquet(out / "outcomes.parquet")
    assert outcomes.height == 4
    assert pl.read_parquet(out / "series.parquet").height == 4 * 20


def test_without_a_choice_the_planners_of_another_mesh_are_left_out_and_named(
    tmp_path: Path, scenario: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = ROOT / "examples" / "bookshop"
    mesh = ["--manifests", str(shop / "manifests"), "--mapping", str(shop / "marskit.toml")]
    # The policies and two that plan for every mesh.
    monkeypatch.setattr("marskit.cli.compare.PLANNERS", ("static", "ppo", "demand", "sac"))
    out = tmp_path / "out"
    assert main(["compare", *mesh, "--scenarios", scenario, "--seeds", "1", "--out", str(out)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for planner in ("ppo", "sac"):
        assert f"Left out {planner}: " in shown
        assert f"demo-{planner}.npz: the policy was trained for another mesh" in shown
    assert set(pl.read_parquet(out / "outcomes.parquet")["planner"]) == {"static", "demand"}
    arguments = ["compare", *mesh, "--planners", "static,ppo", "--scenarios", scenario]
    assert main([*arguments, "--out", str(out)]) == 2
    assert "the policy was trained for another mesh" in capsys.readouterr().err


def test_a_mesh_that_no_planner_can_run_on_is_refused_in_its_own_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "--manifests", str(tmp_path), "--scenarios", "spike"]) == 2
    assert capsys.readouterr().err == f"marskit: {tmp_path}: the folder contains no *.yaml or *.yml file.\n"


@pytest.mark.parametrize("planners", ["static,cut.npz", "hpa-tuned,cut.npz"])
def test_a_damaged_policy_is_refused_before_anything_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planners: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cut.npz").write_bytes(b"PK")
    assert main(["compare", "--planners", planners, "--scenarios", "spike", "--seeds", "1"]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "marskit: cut.npz: this is not a policy file, or it is damaged.\n")
    assert [path.name for path in tmp_path.iterdir()] == ["cut.npz"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--planners", "hpa-tund"], "oracle, hpa-tuned, or a policy file, FILE.py:CLASS or MODULE:CLASS."),
        (["--planners", "hpa,hpa"], "Name every planner once, and at least one; found hpa, hpa."),
        (["--planners", ""], "at least one; found none."),
        (["--scenarios", "nowhere"], 'Unknown scenario "nowhere"'),
        (["--out", __file__], "this is a file; --out needs a folder."),
        (["--seeds", "one"], "--seeds is 'one'; it must be whole numbers separated by commas."),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *arguments]) == 2
    complaint = capsys.readouterr().err
    assert sentence in complaint
    assert complaint.count("\n") == 1
