"""What a front end tells a person who did something, and asks before what cannot be taken back."""

from dataclasses import dataclass

from marskit.domain import commands
from marskit.domain.commands import Command, CommandError
from marskit.domain.state import State
from marskit.domain.training import Stage, TrainingState
from marskit.views.controls import Hint, Move
from marskit.views.intents import undo_words
from marskit.views.tone import Tone


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence that is shown for a while."""

    text: str
    tone: Tone = Tone.PLAIN
    hint: Hint | None = None


def undone_by(command: Command, state: State) -> str:
    """What an undo changes, in words; it may take seconds, and must not be silent meanwhile."""
    if not isinstance(command, commands.Undo):
        return ""
    executions = (e for e in state.executions if e.id == command.execution)
    return next((undo_words(e, state) for e in executions if e.inverse is not None), "")


def undoing(what: str) -> Notice:
    """An undo has begun."""
    return Notice(f"Undoing: {what}…")


def undone(what: str) -> Notice:
    """An undo took effect."""
    return Notice(f"Undone: {what}.")


def failure(error: BaseException) -> Notice:
    """A command failed, by a refusal or by an internal fault."""
    return Notice(
        str(error) or type(error).__name__, Tone.WARN if isinstance(error, CommandError) else Tone.BAD
    )


def training_ended(state: TrainingState) -> Notice | None:
    """A training ended where nobody sees its pane; None while it has not."""
    if state.stage is Stage.DONE and state.saved is not None:
        where = f"Training is complete; the policy is saved as {state.saved.saved}."
        return Notice(where, hint=Hint(Move.TRAIN, "to see it"))
    return Notice(state.reason, Tone.WARN) if state.stage is Stage.FAILED else None


def leave_question(*, training: bool) -> str:
    """What is asked before a live mesh is stopped."""
    also = ", and the training" if training else ""
    return f"Stop the load and the mesh{also}, and leave? Recorded cycles are kept."
