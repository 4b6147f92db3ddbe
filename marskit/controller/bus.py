"""Distributes events, and is the one place where they become state."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from marskit.domain.diagnosis import Severity
from marskit.domain.events import Event, Noticed
from marskit.domain.state import State, apply

Sink = Callable[[Event], None]
"""Takes an event and returns at once; called on the controller's thread."""


@dataclass(slots=True)
class _Subscription:
    sink: Sink
    failing: bool = False


class Bus:
    """Folds every event into the state, then hands it to the sinks in the order they came.

    A failing sink never stops the loop or the other sinks: its first failure in a row becomes a notice.
    """

    def __init__(self) -> None:
        self._subscriptions: tuple[_Subscription, ...] = ()
        self._state = State()

    @property
    def state(self) -> State:
        """The state after the last event; immutable, so any thread may read it."""
        return self._state

    def subscribe(self, sink: Sink) -> None:
        """Send later events to `sink`, too."""
        self._subscriptions = (*self._subscriptions, _Subscription(sink))

    def unsubscribe(self, sink: Sink) -> None:
        """Send no more events to `sink`; does nothing if it was not subscribed."""
        self._subscriptions = tuple(s for s in self._subscriptions if s.sink != sink)

    def take_over(self, other: "Bus") -> None:
        """Send later events to the sinks of `other`, too."""
        self._subscriptions = (*self._subscriptions, *other._subscriptions)

    def publish(self, event: Event) -> None:
        """Fold one event into the state and send it out."""
        waiting = deque([event])
        while waiting:
            event = waiting.popleft()
            self._state = apply(self._state, event)
            for subscription in self._subscriptions:
                try:
                    subscription.sink(event)
                except Exception as error:
                    if not subscription.failing:
                        waiting.append(_notice(self._state.now_s, error))
                    subscription.failing = True
                else:
                    subscription.failing = False


def _notice(at_s: float, error: Exception) -> Noticed:
    sentence = f"A sink of events failed: {type(error).__name__}: {error}."
    return Noticed(at_s, Severity.WARNING, "sink", sentence)
