"""Messages from other threads to the app."""

from textual.message import Message

from marskit.domain.state import State


class StateChanged(Message, bubble=False):
    """The run has a newer state; a slow screen receives only the newest one."""

    def __init__(self, state: State) -> None:
        super().__init__()
        self.state = state

    def can_replace(self, message: Message) -> bool:
        """Whether this message makes the pending `message` obsolete."""
        return isinstance(message, StateChanged)


class TrainingChanged(Message, bubble=False):
    """The training has changed; the trainer holds its newest state."""

    def can_replace(self, message: Message) -> bool:
        """Whether this message makes the pending `message` obsolete."""
        return isinstance(message, TrainingChanged)


class CommandDone(Message, bubble=False):
    """A command whose end a person waits for took effect."""

    def __init__(self, sentence: str) -> None:
        super().__init__()
        self.sentence = sentence


class CommandFailed(Message, bubble=False):
    """A command failed; never dropped, because the state does not contain it."""

    def __init__(self, sentence: str, *, expected: bool) -> None:
        super().__init__()
        self.sentence = sentence
        self.expected = expected
        """False for an internal fault."""


class Stopped(Message, bubble=False):
    """The run was stopped by a person."""

    def __init__(self, *, clean: bool) -> None:
        super().__init__()
        self.clean = clean
        """False if the run did not stop in time."""
