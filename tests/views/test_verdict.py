"""Nothing old is shown as now: verdicts carry their age, and the live one stands beside them."""

from dataclasses import replace

import pytest

from marskit.domain.diagnosis import Severity
from marskit.domain.events import Noticed
from marskit.domain.loop_events import ModeChanged, PlanDecided, Replanned
from marskit.domain.records import Mode, Phase
from marskit.domain.state import State, apply
from marskit.views.actions import log_rows
from marskit.views.alert import alert_view
from marskit.views.controls import Intent
from marskit.views.document import Code, Sentence, Table
from marskit.views.load import load_view
from marskit.views.loop import loop_view
from marskit.views.review import made_for, review_document
from marskit.views.summary import summary_view
from marskit.views.tone import Tone
from marskit.views.verdict import verdict_view
from tests.tui import scripts
from tests.tui.scripts import Story


def paused_before_the_crowd(then_s: int) -> Story:
    """A cycle in the calm, then a pause of that many seconds into which the crowd comes."""
    return scripts.healthy().turn().observe(then_s)


def test_a_fresh_verdict_stands_alone() -> None:
    view = verdict_view(scripts.healthy().turn().state)
    assert (view.words, view.tone, view.cycle) == ("SLO met", Tone.OK, 9)


def test_an_old_verdict_has_its_age_and_the_live_one_beside_it() -> None:
    story = paused_before_the_crowd(24)
    view = verdict_view(story.state)
    assert view.verdict == "SLO met 24 s ago"
    assert view.live.startswith("now ✖ ")
    assert view.live_tone is Tone.BAD
    assert view.cycle == 9


def test_past_two_windows_a_verdict_is_grey() -> None:
    fresh, stale = paused_before_the_crowd(5), paused_before_the_crowd(40)
    assert verdict_view(fresh.state).tone is Tone.OK
    view = verdict_view(stale.state)
    assert (view.verdict, view.tone) == ("SLO met 40 s ago", Tone.DIM)
    boxes = {box.phase: box for box in loop_view(stale.state).phases}
    for phase in (Phase.MONITOR, Phase.ANALYSE):
        assert (boxes[phase].age, boxes[phase].tone, boxes[phase].is_stale) == ("40 s ago", Tone.DIM, True)
    boxes = {box.phase: box for box in loop_view(scripts.healthy().turn().state).phases}
    assert (boxes[Phase.ANALYSE].age, boxes[Phase.ANALYSE].tone) == ("", Tone.OK)


def test_failures_are_the_live_verdict_where_there_are_too_few_successes() -> None:
    state = paused_before_the_crowd(24).state
    assert state.observation is not None
    services = tuple(
        replace(s, failures_per_s=0.3 * s.requests_per_s, latency=replace(s.latency, p95_ms=20.0))
        for s in state.observation.services
    )
    state = replace(state, observation=replace(state.observation, services=services))
    assert verdict_view(state).live == "now ✖ 30 % failed"


def test_where_telemetry_is_silent_nothing_is_called_live() -> None:
    story = paused_before_the_crowd(3)
    state = replace(story.state, now_s=story.state.now_s + 31.0)
    assert "no telemetry for 31 s" in verdict_view(state).words
    assert "now" not in verdict_view(state).words


def test_a_paused_loop_says_what_the_mesh_does() -> None:
    state = scripts.violated().state
    assert summary_view(state).situation == "loop paused · mesh live"
    assert summary_view(replace(state, held=True)).situation == "loop paused · mesh held"
    assert summary_view(scripts.healthy().state).situation == "running"


@pytest.mark.parametrize(
    ("pace", "mesh"), [(1.0, "envoy ×1"), (0.25, "envoy ×0.25"), (None, "envoy unlimited")]
)
def test_the_pace_is_shown_with_a_mesh_that_has_one(pace: float | None, mesh: str) -> None:
    state = replace(scripts.healthy().state, pace=pace)
    assert state.started is not None
    assert summary_view(state).mesh == "envoy"
    started = replace(state.started, capabilities=replace(state.started.capabilities, can_hold_time=True))
    assert summary_view(replace(state, started=started)).mesh == mesh


def test_a_review_says_its_age_its_load_and_what_it_would_do() -> None:
    story = paused_before_the_crowd(10)
    waiting = scripts.awaiting()
    made = made_for(waiting.state)
    assert made is not None
    assert made.words == "planned just now at 112 req/s, now 112"
    waiting.observe(90)
    later = made_for(waiting.state)
    assert later is not None
    assert (later.words[:24], later.tone) == ("planned 90 s ago at 112 ", Tone.WARN)
    document = review_document(waiting.state)
    assert isinstance(document[0], Sentence)
    assert document[0].text == later.words
    tables = [block for block in document if isinstance(block, Table)]
    assert tables[0].rows[0][0].text == "· observed 90 s ago"
    assert review_document(story.state) == ()


def test_a_review_shows_command_and_diff_before_anything_is_approved() -> None:
    code = [block.text for block in review_document(scripts.awaiting().state) if isinstance(block, Code)]
    assert any(text.startswith("kubectl") for text in code)
    assert any("+" in text for text in code)


def test_a_plan_that_replaced_another_says_why() -> None:
    state = scripts.awaiting().state
    cycle = state.cycle
    assert cycle is not None
    assert cycle.plan is not None
    assert cycle.observation is not None
    assert cycle.diagnosis is not None
    replaced = Replanned(
        state.now_s, cycle.id, 2, "the load went from 41 to 113 req/s", cycle.observation, cycle.diagnosis,
        cycle.plan, cycle.plan,
    )  # fmt: skip
    state = apply(state, replaced)
    assert made_for(state) is None
    assert log_rows(state)[0].text.endswith("because the load went from 41 to 113 req/s")


def test_the_log_has_who_decided_what() -> None:
    state = scripts.healthy().state
    for event in (
        ModeChanged(90.0, Mode.APPROVE),
        PlanDecided(91.0, 9, 2, approved=True, by_person=True, reason=""),
        PlanDecided(92.0, 10, 1, approved=False, by_person=True, reason="a person rejected it"),
        PlanDecided(93.0, 11, 1, approved=False, by_person=False, reason="a rollback takes precedence"),
    ):
        state = apply(state, event)
    assert [(row.who, row.text) for row in log_rows(state)[:4]] == [
        ("loop", "dropped the plan of cycle 11: a rollback takes precedence"),
        ("you", "rejected the plan of cycle 10"),
        ("you", "approved plan 2 of cycle 9"),
        ("you", "mode approve"),
    ]


def test_the_end_of_a_scenario_is_told_and_its_curve_stays() -> None:
    story = scripts.healthy()
    assert not load_view(story.state).is_over
    before = story.observe(160).state.sent
    assert not load_view(story.state).is_over
    assert len(before) > 100
    assert story.state.observation is not None
    assert story.state.started is not None
    load = story.state.observation.load
    assert load is not None
    over = replace(load, scenario_s=story.state.started.scenario.duration_s)
    state = replace(story.state, observation=replace(story.state.observation, load=over))
    alert = alert_view(state)
    assert alert.text == "■ The scenario spike is over."
    assert [hint.does for hint in alert.hints] == [Intent.AGAIN, Intent.SCENARIO]
    assert load_view(state).is_over
    later = apply(state, Noticed(state.now_s + 900.0, Severity.INFO, "test", "much later"))
    assert load_view(later).sent == before


def test_views_of_nothing_are_empty() -> None:
    assert verdict_view(State()).words == "SLO not evaluated yet"
    assert review_document(State()) == ()
