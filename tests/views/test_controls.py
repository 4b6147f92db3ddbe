"""One table of what a person can do, whatever it is done with."""

from concurrent.futures import CancelledError
from dataclasses import replace

import pytest

from marskit.domain import commands
from marskit.domain.commands import CommandError
from marskit.domain.records import Phase
from marskit.domain.state import State
from marskit.domain.training import Saved, Stage, TrainingState
from marskit.domain.undo import next_undo
from marskit.tui.key_names import KEY_NAMES, hint_words, with_hints
from marskit.views.controls import CONTROLS, REPLAY_CONTROLS, Hint, Intent, Move, Standing, offered, standing
from marskit.views.find import Rank
from marskit.views.finding import Ask, Place, Situation, findable
from marskit.views.forms import forms
from marskit.views.intents import resolve_intent
from marskit.views.load import factor_now
from marskit.views.loop import phase_to_show
from marskit.views.meaning import Meaning
from marskit.views.notices import Notice, failure, leave_question, training_ended, undone_by
from marskit.views.review import is_unread
from marskit.views.tone import Tone
from tests.tui import scripts


def test_every_intent_is_a_control_and_every_control_has_words_of_its_own() -> None:
    assert {c.does for c in CONTROLS if isinstance(c.does, Intent)} == set(Intent)
    for controls in (CONTROLS, REPLAY_CONTROLS):
        assert len({control.does for control in controls}) == len(controls)
        assert len({control.help for control in controls}) == len(controls)
        assert all(control.label and not control.help.endswith(".") for control in controls)
    assert {control.does for control in (*CONTROLS, *REPLAY_CONTROLS)} <= set(KEY_NAMES)
    # One name space, so that a button can send the name alone.
    assert not {str(each) for each in Intent} & {str(each) for each in Move}


def test_pairs_stand_side_by_side() -> None:
    for controls in (CONTROLS, REPLAY_CONTROLS):
        for pair in {control.pair for control in controls if control.pair}:
            places = [n for n, control in enumerate(controls) if control.pair == pair]
            assert len(places) == 2
            assert places[1] == places[0] + 1


@pytest.mark.parametrize(
    ("at", "there", "not_there"),
    [
        (Standing(), {Intent.STEP_PHASE}, {Intent.APPROVE, Intent.SLOWER, Intent.AGAIN, Move.NEXT_VIEW}),
        (Standing(awaiting_approval=True), {Intent.APPROVE, Intent.REPLAN}, {Intent.STEP_CYCLE}),
        (
            Standing(has_pace=True, over=True, small=True),
            {Intent.SLOWER, Intent.AGAIN, Move.NEXT_VIEW},
            set(),
        ),
        (Standing(awaiting_approval=True, small=True), {Intent.REJECT}, {Move.TRAIN}),
    ],
)
def test_what_would_be_refused_is_not_offered(
    at: Standing, there: set[Intent | Move], not_there: set[Intent | Move]
) -> None:
    does = {control.does for control in offered(CONTROLS, at)}
    assert there <= does
    assert not not_there & does


def test_what_runs_can_be_paused_and_what_waits_is_urgent() -> None:
    labels = {control.does: control.label for control in offered(CONTROLS, Standing(running=True))}
    assert labels[Intent.RUN] == "pause"
    waiting = offered(CONTROLS, standing(scripts.awaiting().state))
    assert {c.does for c in waiting if c.is_urgent} == {Intent.APPROVE, Intent.REJECT, Intent.REPLAN}


def test_a_hint_is_worded_with_its_key() -> None:
    hint = Hint(Intent.APPROVE, "approve")
    assert hint_words(hint) == "a approve"
    assert with_hints("Approval needed.", (hint, hint)) == "Approval needed.   a approve · a approve"
    assert with_hints("Nothing to do.", ()) == "Nothing to do."


def situation(state: State) -> Situation:
    def meaning(intent: Intent) -> Meaning:
        return resolve_intent(intent, state, workload="orders", factor=1.0)

    return Situation(
        CONTROLS, meaning, forms(state), ((3, 17),), workload="orders", summaries={"hpa": "HPA."}
    )


def test_places_come_first_and_what_breaks_something_is_asked_once_more() -> None:
    state = scripts.recovered().state
    found = {entry.label: entry for entry in findable(state, situation(state), lambda does: f"<{does}>")}
    assert (found["orders"].value, found["orders"].rank) == (Place("orders"), Rank.GOES)
    assert found["monitor"].value == Place(phase=Phase.MONITOR)
    assert found["log"].value == Place(is_log=True)
    assert found["cycle 3"].value == Place(step=17)
    assert found["Add one replica: orders"].value is Intent.SCALE_UP
    assert (found["Run the next phase, then pause"].key, found["Planner hpa"].note) == (
        "<step_phase>",
        "HPA.",
    )
    assert found["Planner hpa"].value == commands.SetPlanner("hpa")
    assert isinstance(found["Kill a replica of payments…"].value, Ask)
    assert found["Set the outlier detection of payments"].value in forms(state)
    assert "Execute the plan that awaits approval" not in found


def test_the_phase_that_a_step_reaches_is_shown_unless_a_person_chose_another() -> None:
    before, waits = scripts.planned().state, scripts.awaiting().state
    assert phase_to_show(before, waits, chosen=True) is Phase.PLAN
    assert phase_to_show(waits, State(), chosen=False) is None
    violated = scripts.violated().state
    assert phase_to_show(State(), violated, chosen=True) is Phase.ANALYSE
    assert phase_to_show(violated, violated, chosen=True) is None


def test_a_plan_that_has_just_replaced_another_is_not_decided_on() -> None:
    state = scripts.awaiting().state
    assert not is_unread(state, 0.0)
    assert state.cycle is not None
    replaced = replace(state, cycle=replace(state.cycle, revision=2))
    assert is_unread(replaced, 0.0)
    assert not is_unread(replaced, 1.0)


def test_the_factor_asked_for_counts_until_the_generator_can_have_reported_it() -> None:
    state = scripts.healthy().state
    assert factor_now(state, None) == 1.0
    assert factor_now(state, (3.0, state.now_s - 2.0)) == 3.0
    assert factor_now(state, (3.0, state.now_s - 3.0)) == 1.0


def test_what_became_of_a_wish_is_told() -> None:
    state = scripts.recovered().state
    done = next_undo(state.executions)
    assert done is not None
    assert undone_by(commands.Undo(done.id), state) == "payments 4 → 2"
    assert undone_by(commands.Run(), state) == ""
    assert failure(CommandError("No plan waits.")) == Notice("No plan waits.", Tone.WARN)
    assert failure(CancelledError()) == Notice("CancelledError", Tone.BAD)
    assert leave_question(training=True).startswith(
        "Stop the load and the mesh, and the training, and leave?"
    )
    saved = TrainingState(Stage.DONE, saved=Saved("ppo-0.npz", {}))
    notice = training_ended(saved)
    assert notice is not None
    assert notice.hint == Hint(Move.TRAIN, "to see it")
    assert training_ended(TrainingState(Stage.FAILED, reason="No disk.")) == Notice("No disk.", Tone.WARN)
    assert training_ended(TrainingState(Stage.LEARNING)) is None
