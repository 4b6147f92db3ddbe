"""Follows the events of a run, so that other threads can wait for what they say."""

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from threading import Condition, RLock
from typing import TypeVar

from marskit.controller.runtime import Runtime
from marskit.domain.events import Event
from marskit.domain.loop_events import CycleCompleted
from marskit.domain.records import Cycle
from marskit.domain.state import State
from marskit.lab.inputs import LabError

_LOOK_S = 0.25
"""Longest time between two looks at a condition, in seconds: an interrupt is noticed within it."""

T = TypeVar("T")


Until = Callable[[State], bool]
"""Whether what is waited for has happened; no event is noted meanwhile."""


class Watch:
    """The cycles and the number of events so far, and waits for more.

    Everything but the noting may be called from any thread except the runtime's own.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._changed = Condition(RLock())
        self._cycles: list[Cycle] = []
        self._counts: Counter[type] = Counter()
        runtime.subscribe(self._note)

    @property
    def cycles(self) -> tuple[Cycle, ...]:
        """All completed cycles, oldest first."""
        with self._changed:
            return tuple(self._cycles)

    def count(self, *kinds: type) -> int:
        """Number of events of these kinds so far."""
        with self._changed:
            return sum(self._counts[kind] for kind in kinds)

    def require_other_thread(self) -> None:
        """Refuse to wait on the thread that would have to do what is waited for.

        Raises:
            LabError: This is the runtime's own thread.
        """
        if self._runtime.is_current_thread:
            raise LabError(
                "A lab cannot be driven from the thread of its own run, as in a callback of its events; "
                "hand over to another thread."
            )

    def result(self, future: "Future[T]", timeout_s: float, what: str) -> T:
        """The result of a command.

        Raises:
            CommandError: The controller refused it.
            LabError: It takes too long.
        """
        self.require_other_thread()
        try:
            return future.result(timeout_s)
        except FutureTimeout:
            if future.done():
                raise
            raise LabError(_late(what, timeout_s)) from None

    def wait(self, until: Until, timeout_s: float, what: str) -> None:
        """Wait until the state is as wanted; every completed cycle begins the time limit anew.

        Raises:
            LabError: The run ended before, or there was no progress within the time limit.
        """
        self.require_other_thread()
        with self._changed:
            done = self._counts[CycleCompleted]
            left_at_s = time.monotonic() + timeout_s
            while not until(state := self._runtime.state):
                if state.ended is not None:
                    raise LabError(state.ended.reason or "The run has ended.")
                if self._counts[CycleCompleted] > done:
                    done, left_at_s = self._counts[CycleCompleted], time.monotonic() + timeout_s
                if (left_s := left_at_s - time.monotonic()) <= 0:
                    raise LabError(_late(what, timeout_s))
                self._changed.wait(min(left_s, _LOOK_S))

    def _note(self, event: Event) -> None:
        """On the runtime's thread."""
        with self._changed:
            if isinstance(event, CycleCompleted):
                self._cycles.append(event.cycle)
            self._counts[type(event)] += 1
            self._changed.notify_all()


def _late(what: str, timeout_s: float) -> str:
    return f"{what} took longer than {timeout_s:g} s; the lab goes on, and timeout_s allows more."
