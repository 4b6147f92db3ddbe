"""An event loop whose time passes only while there is nothing to do: what the twin and its loop live in."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from selectors import BaseSelector, DefaultSelector, SelectorKey
from time import monotonic
from typing import Any, TypeVar

MOST_BEHIND_S = 0.25
"""A paced loop that is later than that takes its time from then on, rather than rush to catch up."""

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """Jumps to the next timer as soon as nothing else is left, or keeps a pace.

    Callbacks and jobs in threads take no time: the clock stands still until they are done. So the same
    program does the same at the same times, however fast the machine is and whatever the pace. Only what
    comes from outside, as a person's command does, comes at a time of its own.
    """

    def __init__(self, pace: float | None = None) -> None:
        """Begin at second 0.

        Args:
            pace: Virtual seconds per real one, at most; None is as fast as possible.
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
    """Where the loop waits, and so where its time passes."""

    def __init__(self, pace: float | None) -> None:
        self.now_s = 0.0
        self.jobs = 0
        """How many jobs in threads are still to be done."""
        self._pace = pace
        self._real = DefaultSelector()
        self._anchor_s = (monotonic(), 0.0)
        """A real and a virtual second that are the same moment, from which the pace is kept."""

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """Wait for that many virtual seconds, or for something from outside."""
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
        """As the real selector does, and so on for the others."""
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> SelectorKey:
        """Watch the file no more."""
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> SelectorKey:
        """Watch the file for something else."""
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, SelectorKey]:
        """What is watched."""
        return self._real.get_map()

    def close(self) -> None:
        """Watch nothing more."""
        self._real.close()
