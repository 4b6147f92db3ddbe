"""What other threads tell the app."""

from textual.message import Message

from marskit.domain.state import State


class StateChanged(Message, bubble=False):
    """The run has a newer state; a slow screen sees only the newest one."""

    def __init__(self, state: State) -> None:
        super().__init__()
        self.state = state

    def can_replace(self, message: Message) -> bool:
        """Whether this one makes the pending `message` worthless."""
        return isinstance(message, StateChanged)


class TrainingChanged(Message, bubble=False):
    """There is news of the training; the newest is the trainer's state."""

    def can_replace(self, message: Message) -> bool:
        """Whether this one makes the pending `message` worthless."""
        return isinstance(message, TrainingChanged)


class CommandFailed(Message, bubble=False):
    """A command could not be carried out; never dropped, as it is not part of the state."""

    def __init__(self, sentence: str, *, expected: bool) -> None:
        super().__init__()
        self.sentence = sentence
        self.expected = expected
        """False for an error of ours."""


class Stopped(Message, bubble=False):
    """The run was stopped on a person's wish."""

    def __init__(self, *, clean: bool) -> None:
        super().__init__()
        self.clean = clean
        """False when it did not end in time."""
