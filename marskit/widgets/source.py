"""What panels show: a run, a recording, or whatever else has states."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

from marskit.domain.commands import Command
from marskit.domain.events import Event
from marskit.domain.state import State


class Source(Protocol):
    """States, news of them, and a way to send commands; every method may be called from any thread."""

    @property
    def state(self) -> State:
        """The state after the last event."""
        ...

    def subscribe(self, sink: Callable[[Event], None]) -> None:
        """Send later events to `sink`, which only hands off."""
        ...

    def unsubscribe(self, sink: Callable[[Event], None]) -> None:
        """Send no more events to `sink`."""
        ...

    def submit(self, command: Command) -> Future[None]:
        """Send a command; the future ends with a `CommandError` if it cannot be carried out."""
        ...


class Shown(Protocol):
    """What has a source and tells when it is closed: a lab or a replay."""

    @property
    def runtime(self) -> Source:
        """The source."""
        ...

    def at_close(self, callback: Callable[[], object]) -> None:
        """Call that function when it is closed."""
        ...
