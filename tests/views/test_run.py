"""Header, alert, load, series and log on the scenes of one run."""

from dataclasses import replace

import pytest

from marskit.domain.events import Progressed, RunEnded
from marskit.domain.load import LoadStatus
from marskit.domain.state import State, apply
from marskit.views.actions import log_rows
from marskit.views.alert import alert_view, recorded_alert
from marskit.views.load import load_view
from marskit.views.nodes import node_document
from marskit.views.series import MarkKind, series_view
from marskit.views.summary import progress_view, summary_view
from marskit.views.tone import Tone
from tests.tui import scripts
from tests.tui.scripts import Story
from tests.views.test_loop import said


@pytest.mark.parametrize(
    ("story", "activity", "slo"),
    [
        (Story(), "starting", ""),
        (scripts.starting(), "starting", "SLO not evaluated yet"),
        (scripts.healthy(), "running", "SLO met"),
        (scripts.violated(), "paused", "SLO violated (2)"),
        (scripts.awaiting(), "awaiting approval", "SLO violated (2)"),
        (scripts.failed(), "failed", "SLO not evaluated yet"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_header_tells_what_the_run_does(story: Story, activity: str, slo: str) -> None:
    view = summary_view(story.state)
    assert (view.activity, view.verdict.words) == (activity, slo)


def test_progress_is_done_step_by_step() -> None:
    assert [step.done for step in progress_view(scripts.starting().state)] == [True, True, False]
    assert all(step.done for step in progress_view(scripts.up().state))


def test_a_step_that_goes_on_keeps_its_line() -> None:
    state = State()
    for event in (
        Progressed(0.1, "packages", "downloading 52 npm packages"),
        Progressed(2.1, "packages", "31 of 52 npm packages downloaded"),
    ):
        state = apply(state, event)
    (step,) = progress_view(state)
    assert (step.detail, step.done) == ("31 of 52 npm packages downloaded", False)
    packages, envoy = progress_view(apply(state, Progressed(3.0, "envoy", "Envoy serves")))
    assert (packages.done, envoy.done) == (True, False)


def test_what_must_not_be_overlooked() -> None:
    healthy = scripts.healthy().state
    assert alert_view(healthy).text == ""
    awaiting = alert_view(scripts.awaiting().state)
    assert awaiting.text.endswith("scale payments to 4")
    assert [hint.words for hint in awaiting.hints] == ["approve", "reject", "replan"]
    assert recorded_alert(scripts.awaiting().state).hints == ()
    failed = alert_view(scripts.failed().state)
    assert (failed.tone, "Port 10000 is in use" in failed.text) == (Tone.BAD, True)
    assert "has ended" in alert_view(apply(healthy, RunEnded(60.0, None))).text
    assert healthy.observation is not None
    refused = replace(healthy.observation.generation, rejected_reason="unknown cluster x")
    state = replace(healthy, observation=replace(healthy.observation, generation=refused))
    assert "rejected the configuration: unknown cluster x" in alert_view(state).text
    assert healthy.observation.load is not None
    load = replace(healthy.observation.load, status=LoadStatus.FAILED, reason="locust ended")
    state = replace(healthy, observation=replace(healthy.observation, load=load))
    assert alert_view(state).text == "✖ The load failed: locust ended"


def test_the_load_stands_on_its_curve() -> None:
    view = load_view(scripts.violated().state)
    assert (view.scenario, view.duration_s, view.factor) == ("spike", 240.0, 1.0)
    assert view.position_s == 68.0
    assert view.sent[-1][0] == 68.0
    assert [at for at, _ in view.sent] == sorted(at for at, _ in view.sent)
    assert view.health is Tone.OK


def test_what_was_sent_begins_anew_with_the_scenario() -> None:
    story = scripts.healthy().observe(240)
    times = [at for at, _ in load_view(story.state).sent]
    assert times[0] < times[-1] < 60
    assert len(times) < 60


def test_a_generator_that_falls_behind_is_told() -> None:
    state = scripts.healthy().state
    assert state.observation is not None
    assert state.observation.load is not None
    behind = replace(state.observation.load, sent_requests_per_s=10.0)
    state = replace(state, observation=replace(state.observation, load=behind))
    assert load_view(state).health is Tone.WARN


def test_the_series_of_a_service_holds_its_objective_and_all_marks() -> None:
    view = series_view(scripts.recovered().state)
    assert (view.service, view.slo_ms) == ("orders", 300.0)
    assert max(point.p95_ms or 0 for point in view.points) > 300
    assert [mark.kind for mark in view.marks] == [MarkKind.ACTION, MarkKind.FAULT]
    other = series_view(scripts.recovered().state, "payments", span_s=20)
    assert (other.service, other.slo_ms) == ("payments", 200.0)
    assert len(other.points) <= 21
    assert other.points[-1].replicas_ready == 4


def test_the_log_merges_everything_newest_first() -> None:
    rows = log_rows(scripts.recovered().state)
    assert [(row.who, row.tone) for row in rows] == [
        ("you", Tone.BAD),
        ("payments", Tone.WARN),
        ("effect", Tone.OK),
        ("you", Tone.PERSON),
        ("loop", Tone.OK),
    ]
    assert rows[-1].text == "scale payments to 4, effective after 412 ms"
    assert "weights must add up to 100" in rows[0].text


def test_a_node_tells_its_bounds_its_traffic_and_what_was_done_to_it() -> None:
    words = said(node_document(scripts.recovered().state, "payments"))
    assert "4/4 replicas ready (bounds 1 to 6)" in words
    assert "Objective: p95 under 200 ms, 99 % available." in words
    assert "slow 1.6×" in words
    assert "scale payments to 4" in words
    assert said(node_document(scripts.healthy().state, "ingress")) == "http://127.0.0.1:10000"
    assert "not in the mesh" in said(node_document(State(), "payments"))
