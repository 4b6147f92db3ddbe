"""Playing, stepping and jumping in a recording, none of which needs a clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marskit.domain import commands
from marskit.domain.commands import Command, CommandError
from marskit.domain.events import Event
from marskit.domain.state import fold
from marskit.replay.player import SPEEDS, Player
from marskit.replay.timeline import Stop, Timeline
from tests.tui import scripts

TOLD = tuple(scripts.recovered().events)
TIMELINE = Timeline(TOLD)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from(Stop), st.booleans()),
            st.integers(-3, len(TOLD) + 3),
            st.floats(0.0, 5.0),
        ),
        max_size=30,
    )
)
def test_however_one_goes_about_the_state_is_that_of_the_step(moves: list[object]) -> None:
    player = Player(TIMELINE)
    player.play(on=True)
    for move in moves:
        match move:
            case (Stop() as stop, bool(back)):
                player.next(stop, back=back)
            case int(step):
                player.go(step)
            case float(real_s):
                before = player.step
                player.advance(real_s)
                assert player.step >= before
        assert player.state == fold(TOLD[: player.step])
        assert player.position.at_s == TIMELINE.times_s[player.step]


def test_time_passes_at_the_speed_and_ends_with_the_run() -> None:
    player = Player(TIMELINE, TIMELINE.begin_of(2))
    began_s = player.position.at_s
    player.advance(5.0)
    assert player.position.at_s == began_s
    player.play(on=True)
    player.faster()
    assert player.speed == 2.0
    player.advance(3.0)
    assert TIMELINE.step_at(began_s + 6.0) == player.step
    player.advance(1e6)
    assert (player.step, player.playing) == (len(TIMELINE), False)
    player.play(on=True)
    assert (player.step, player.playing) == (1, True)


def test_standing_on_one_of_several_steps_at_one_time_never_goes_back() -> None:
    player = Player(TIMELINE)
    same = next(step for step in range(2, len(TOLD)) if TIMELINE.times_s[step] == TIMELINE.times_s[step + 1])
    player.go(same)
    player.play(on=True)
    player.advance(0.0)
    assert player.step >= same


def test_speeds_have_ends() -> None:
    player = Player(TIMELINE)
    for _ in range(20):
        player.faster()
    assert player.speed == SPEEDS[-1] == 64.0
    for _ in range(20):
        player.faster(back=True)
    assert player.speed == SPEEDS[0] == 0.5


@pytest.mark.parametrize("command", [commands.Run(), commands.Undo(), commands.SetPlanner("hpa")], ids=repr)
def test_a_recording_cannot_be_changed(command: Command) -> None:
    player = Player(TIMELINE, 20)
    refused = player.submit(command).exception()
    assert isinstance(refused, CommandError)
    assert str(refused) == "A recording cannot be changed; branch with b."
    assert player.step == 20
    assert player.stop(1.0)


def test_every_move_is_told_once() -> None:
    told: list[Event] = []
    player = Player(TIMELINE)
    player.subscribe(told.append)
    player.go(7)
    player.go(7)
    assert player.next(Stop.EVENT, back=True)
    player.unsubscribe(told.append)
    player.go(9)
    assert told == [TOLD[6], TOLD[5]]
    player.go(len(TIMELINE))
    assert not player.next(Stop.CYCLE)
