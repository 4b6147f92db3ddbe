"""An event loop whose time passes only while nothing is to be done: the loop of the twin."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from selectors import BaseSelector, DefaultSelector, SelectorKey
from time import monotonic
from typing import Any, TypeVar

MOST_BEHIND_S = 0.25
"""Lag above which a paced loop continues from the present time instead of catching up, in seconds."""

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """Jumps to the next timer once nothing else is to be done, or keeps a pace.

    Callbacks and jobs in threads take no time: the clock stands still until they are done. So a program does
    the same things at the same times, however fast the machine and whatever the pace. Only events from
    outside, such as a person's command, come at arbitrary times.
    """

    def __init__(self, pace: float | None = None) -> None:
        """Start at second 0.

        Args:
            pace: Virtual seconds per real second, at most; None is as fast as possible.
        """
        self._time = _Time(pace)
        super().__init__(self._time)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._time.now_s

    def run_in_executor(  # type: ignore[override] # the future is a Future, which typeshed leaves open
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> "asyncio.Future[T]":
        """Run `func` in a thread; the clock stands still meanwhile."""
        future = super().run_in_executor(executor, func, *args)
        self._time.jobs += 1
        future.add_done_callback(self._job_done)
        return future

    def _job_done(self, future: "asyncio.Future[Any]") -> None:
        self._time.jobs -= 1


class _Time(BaseSelector):
    """The place where the loop waits, and so where its time passes."""

    def __init__(self, pace: float | None) -> None:
        self.now_s = 0.0
        self.jobs = 0
        """Number of unfinished jobs in threads."""
        self._pace = pace
        self._real = DefaultSelector()
        self._anchor_s = (monotonic(), 0.0)
        """A pair of real and virtual seconds that denote the same moment, from which the pace is kept."""

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """Wait for that many virtual seconds, or for an event from outside."""
        if timeout is not None and timeout <= 0:
            return self._real.select(0)
        if self.jobs:
            return self._real.select(None)
        if self._pace is not None:
            return self._wait(timeout, self._pace)
        if timeout is None:
            return self._real.select(None)
        events = self._real.select(0)
        if not events:
            self.now_s += timeout
        return events

    def _wait(self, timeout: float | None, pace: float) -> list[tuple[SelectorKey, int]]:
        real_s, virtual_s = self._anchor_s
        if timeout is None:
            events = self._real.select(None)
            self.now_s = max(self.now_s, virtual_s + (monotonic() - real_s) * pace)
            return events
        due_s = self.now_s + timeout
        early_s = real_s + (due_s - virtual_s) / pace - monotonic()
        if early_s < -MOST_BEHIND_S:
            self._anchor_s = (monotonic(), due_s)
        events = self._real.select(max(0.0, early_s))
        if events:
            passed_s = virtual_s + (monotonic() - real_s) * pace
            due_s = min(due_s, max(self.now_s, passed_s))
        self.now_s = due_s
        return events

    def register(self, fileobj: Any, events: int, data: Any = None) -> SelectorKey:
        """Delegates to the real selector, like the methods below."""
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> SelectorKey:
        """Stop watching the file."""
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> SelectorKey:
        """Watch the file for other events."""
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, SelectorKey]:
        """The watched files."""
        return self._real.get_map()

    def close(self) -> None:
        """Stop watching all files."""
        self._real.close()
