"""What a user interface needs of a run, wherever it runs: on the screen, in a notebook, or in a recording."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

from marskit.domain.actions import Action
from marskit.domain.commands import Command, DryRun
from marskit.domain.events import Event
from marskit.domain.state import State


class RuntimePort(Protocol):
    """One run: its state, its events, and a way to send it commands, from any thread."""

    @property
    def state(self) -> State:
        """The state after the last event."""
        ...

    def subscribe(self, sink: Callable[[Event], None]) -> None:
        """Send later events to `sink`, on the runtime's thread."""
        ...

    def unsubscribe(self, sink: Callable[[Event], None]) -> None:
        """Send no more events to `sink`."""
        ...

    def submit(self, command: Command) -> Future[None]:
        """Send a command; the future ends with a `CommandError` if it cannot be carried out."""
        ...

    def preview(self, action: Action) -> Future[DryRun]:
        """What acting would do now; the future ends with a `CommandError` if it would be refused."""
        ...

    def stop(self, timeout_s: float) -> bool:
        """End the run and wait for it; False if that takes too long."""
        ...
