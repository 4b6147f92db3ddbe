"""Every view can be sent as JSON, as it is."""

import orjson
import pytest

from marskit.domain.state import State, apply
from marskit.domain.training import TrainingState
from marskit.replay.player import Player
from marskit.replay.timeline import Timeline
from marskit.views.branch import branch_view, columns
from marskit.views.controls import CONTROLS, REPLAY_CONTROLS
from marskit.views.replay import marks_of, transport_view
from marskit.views.training import learning_plot, training_view
from marskit.views.training_form import FormView
from tests.tui import scripts
from tests.tui.pictures import SCENES
from tests.tui.scripts import Story
from tests.tui.test_replay import FOUND
from tests.views.said import strings, views_of


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_every_view_of_every_scene_is_json(scene: type[Story]) -> None:
    for name, view in views_of(scene().state).items():
        assert orjson.loads(orjson.dumps(view)) is not None, name


def test_every_view_of_every_state_of_a_run_is_json() -> None:
    state = State()
    for n, event in enumerate(scripts.recovered().events):
        state = apply(state, event)
        if n % 7 == 0:
            orjson.dumps(views_of(state))


def test_the_other_views_are_json() -> None:
    timeline = Timeline(scripts.recovered().events)
    training = training_view(TrainingState())
    branch = branch_view(FOUND)
    for view in (
        transport_view(Player(timeline), marks_of(timeline)),
        (training, learning_plot(training), FormView()),
        (branch, columns(branch)),
        (CONTROLS, REPLAY_CONTROLS),
    ):
        assert orjson.loads(orjson.dumps(view)) is not None


def test_every_string_of_a_view_is_found() -> None:
    view = {"a": (views_of(scripts.awaiting().state)["alert"], ["b", 1, None, ("c",)])}
    assert {"a", "b", "c", "approve", "replan", "warn"} <= strings(view)
