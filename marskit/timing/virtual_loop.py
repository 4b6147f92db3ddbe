"""An event loop whose time passes only while nothing is to be done: the loop of the twin."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextvars import Context
from selectors import BaseSelector, DefaultSelector, SelectorKey
from time import monotonic
from typing import Any, TypeVar, TypeVarTuple, Unpack

MOST_BEHIND_S = 0.25
"""Lag above which a paced loop continues from the present time instead of catching up, in seconds."""

DIGITS = 9
"""Decimals of a time in seconds. A timer's time is rounded to them: however often its wait is interrupted, it
fires at exactly that time."""

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class VirtualLoop(asyncio.SelectorEventLoop):
    """Jumps to the next timer once nothing else is to be done, or keeps a pace.

    Callbacks and jobs in threads take no time: the clock stands still until they are done. So a program does
    the same things at the same times, however fast the machine and whatever the pace. Only events from
    outside, such as a person's command, come at arbitrary times, unless the clock is held meanwhile.
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

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call it at that time, which is rounded; a time to come stays one."""
        now_s, at_s = self.time(), round(when, DIGITS)
        if at_s <= now_s < when:
            at_s = round(now_s + 10.0**-DIGITS, DIGITS)
        return super().call_at(at_s, callback, *args, context=context)

    @property
    def pace(self) -> float | None:
        """Virtual seconds per real second, at most; None is as fast as possible."""
        return self._time.pace

    def set_pace(self, pace: float | None) -> None:
        """Keep another pace from now on."""
        self._time.pace = pace
        self._time.anchor()

    def hold(self, *, held: bool) -> None:
        """Let the clock stand still, or go on; callbacks, threads and events from outside continue."""
        if held != self._time.held:
            self._time.held = held
            self._time.anchor()

    async def idle(self) -> None:
        """Return once everything else that is to be done at the present time has been done."""
        idle: asyncio.Future[None] = self.create_future()
        self._time.idle.append(idle)
        await idle

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
        self.pace = pace
        self.held = False
        self.idle: deque[asyncio.Future[None]] = deque()
        """Those who wait until nothing else is left to be done at the present time."""
        self._real = DefaultSelector()
        self.anchor()

    def anchor(self) -> None:
        """Keep the pace from the present moment on."""
        self._anchor_s = (monotonic(), self.now_s)
        """A pair of real and virtual seconds that denote the same moment."""

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """Wait for that many virtual seconds, or for an event from outside."""
        if timeout is not None and timeout <= 0:
            return self._real.select(0)
        if self.jobs:
            return self._real.select(None)
        if self._waits_for_idleness():
            events = self._real.select(0)
            if not events:
                self.idle.popleft().set_result(None)
            return events
        if self.held or timeout is None:
            return self._stand_still()
        if self.pace is not None:
            return self._wait(timeout, self.pace)
        events = self._real.select(0)
        if not events:
            self.now_s = round(self.now_s + timeout, DIGITS)
        return events

    def _waits_for_idleness(self) -> bool:
        while self.idle and self.idle[0].done():
            self.idle.popleft()
        return bool(self.idle)

    def _stand_still(self) -> list[tuple[SelectorKey, int]]:
        """Wait for an event from outside; without a timer, time passes only if a pace is kept."""
        events = self._real.select(None)
        if self.pace is not None and not self.held:
            real_s, virtual_s = self._anchor_s
            passed_s = round(virtual_s + (monotonic() - real_s) * self.pace, DIGITS)
            self.now_s = max(self.now_s, passed_s)
        return events

    def _wait(self, timeout: float, pace: float) -> list[tuple[SelectorKey, int]]:
        real_s, virtual_s = self._anchor_s
        due_s = round(self.now_s + timeout, DIGITS)
        early_s = real_s + (due_s - virtual_s) / pace - monotonic()
        if early_s < -MOST_BEHIND_S:
            self._anchor_s = (monotonic(), due_s)
        events = self._real.select(max(0.0, early_s))
        if events:
            passed_s = round(virtual_s + (monotonic() - real_s) * pace, DIGITS)
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
