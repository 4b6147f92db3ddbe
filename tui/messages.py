"""Messages from other threads to the app."""

from textual.message import Message

from marskit.domain.state import State
from marskit.replay.timeline import Timeline
from marskit.views.notices import Notice


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


class Told(Message, bubble=False):
    """What became of a command; never dropped, because the state does not contain it."""

    def __init__(self, notice: Notice) -> None:
        super().__init__()
        self.notice = notice


class Stopped(Message, bubble=False):
    """The run was stopped by a person."""

    def __init__(self, *, clean: bool) -> None:
        super().__init__()
        self.clean = clean
        """False if the run did not stop in time."""


class Reading(Message, bubble=False):
    """The recording is being read."""

    def __init__(self, note: str) -> None:
        super().__init__()
        self.note = note


class Loaded(Message, bubble=False):
    """The recording was read."""

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self.timeline = timeline


class Unreadable(Message, bubble=False):
    """The recording cannot be replayed."""

    def __init__(self, sentence: str) -> None:
        super().__init__()
        self.sentence = sentence
