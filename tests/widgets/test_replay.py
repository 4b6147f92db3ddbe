"""A dashboard of a recording: moved by buttons and by the bar, played by its own clock, never changed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import marskit as mk
from marskit.errors import UserError
from marskit.lab.replaying import Replay
from marskit.views.controls import REPLAY_CONTROLS
from marskit.widgets.attendance import Patience
from marskit.widgets.dashboard import Dashboard
from marskit.widgets.deck import MOVES
from tests.views.said import Vocabulary, strings, views_of
from tests.widgets.test_dashboard import Shown, picture, say, until
from tests.widgets.test_equal_strings import OWN, Texts

CYCLES = 4


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    with mk.Lab("twin", scenario="spike", seed=7, planner="threshold", runs=folder, name="recorded") as lab:
        lab.load(3.0)
        lab.run(CYCLES)
        lab.scale("payments", 4)
    return folder


@pytest.fixture
def replay(runs: Path) -> Iterator[Replay]:
    made = mk.replay(runs=runs)
    yield made
    made.close()


@pytest.fixture
def recorded(replay: Replay) -> Iterator[Dashboard]:
    made = Dashboard(replay)
    yield made
    made.close()


def words(dashboard: Dashboard) -> str:
    return " ".join(picture(dashboard, "transport").text)


def move(dashboard: Dashboard, wish: str) -> None:
    say(dashboard, "transport", do=wish)


def test_buttons_move_it_and_show_the_phase_that_was_reached(recorded: Dashboard, replay: Replay) -> None:
    move(recorded, "beginning")
    assert replay.runtime.step == 1
    move(recorded, "cycle_on")
    assert f"cycle 1/{CYCLES}" in words(recorded)
    assert picture(recorded, "detail").text[0].startswith("knowledge")
    reached = replay.runtime.step
    move(recorded, "event_on")
    assert replay.runtime.step == reached + 1
    move(recorded, "cycle_back")
    assert replay.runtime.step == reached
    move(recorded, "end")
    assert replay.runtime.step == len(replay.runtime.timeline)


def test_that_there_is_nothing_further_is_told_until_the_next_move(recorded: Dashboard) -> None:
    move(recorded, "end")
    move(recorded, "cycle_on")
    assert "No cycle after this one." in words(recorded)
    move(recorded, "cycle_back")
    assert "No cycle" not in words(recorded)


@pytest.mark.parametrize(("at", "share"), [(0.5, 0.5), (-1.0, 0.0), (7.0, 1.0)])
def test_the_bar_jumps_to_a_share_of_the_time(
    recorded: Dashboard, replay: Replay, at: float, share: float
) -> None:
    say(recorded, "transport", at=at)
    timeline = replay.runtime.timeline
    assert replay.runtime.step == timeline.within(timeline.step_at(share * timeline.end_s))


def test_it_plays_to_its_end_by_itself_and_every_panel_follows(recorded: Dashboard, replay: Replay) -> None:
    move(recorded, "beginning")
    for _ in range(8):
        move(recorded, "play_faster")
    header, before = recorded.panels["header"], recorded.panels["header"].sent
    move(recorded, "play")
    assert replay.runtime.playing
    until(lambda: replay.runtime.step == len(replay.runtime.timeline) and not replay.runtime.playing)
    until(lambda: header.sent > before)
    # At the end, play begins again.
    move(recorded, "play")
    until(lambda: replay.runtime.step > 1)


def test_nobody_looking_stops_it(replay: Replay) -> None:
    dashboard = Dashboard(replay, "transport", patience=Patience(pause_after_s=0.3, close_after_s=60.0))
    move(dashboard, "beginning")
    replay.runtime.speed = 0.5
    move(dashboard, "play")
    until(lambda: not replay.runtime.playing)
    assert replay.runtime.step < len(replay.runtime.timeline)
    dashboard.close()


def test_it_offers_every_move_and_nothing_that_changes_a_run(recorded: Dashboard) -> None:
    offered = {wish for name in recorded.panels for wish in picture(recorded, name).wishes}
    assert offered == {str(each) for each in MOVES}
    assert offered < {str(control.does) for control in REPLAY_CONTROLS}


def test_each_kind_has_its_own_panels(replay: Replay) -> None:
    with pytest.raises(UserError, match='There is no panel "controls"; there are header, transport,'):
        Dashboard(replay, "controls")
    with pytest.raises(UserError, match='There is no panel "transport"; there are header, controls,'):
        Dashboard(Shown(), "transport")


def test_every_string_comes_from_the_views(recorded: Dashboard, replay: Replay) -> None:
    labels = {text for control in REPLAY_CONTROLS for text in (control.label, control.pair)}
    unsaid: list[str] = []
    for step in range(1, len(replay.runtime.timeline) + 1, 7):
        replay.runtime.go(step)
        assert recorded.deck is not None
        known: set[Any] = strings(views_of(replay.state)) | strings(recorded.deck.view) | OWN | labels
        vocabulary = Vocabulary(known | {"replay"})
        for panel in recorded.panels.values():
            unsaid += [t for t in Texts(panel.picture(replay.state)).pieces if not vocabulary.covers(t)]
    assert unsaid == []


def test_a_saved_notebook_keeps_where_it_was(recorded: Dashboard) -> None:
    bundle = recorded._repr_mimebundle_()
    html = (bundle[0] if isinstance(bundle, tuple) else bundle)["text/html"]
    assert f"/{CYCLES}" in html
    assert "data-do" not in html
    assert "data-bar" not in html
