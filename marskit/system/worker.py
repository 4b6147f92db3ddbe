"""Runs a coroutine to its end from any thread, as a notebook's own has an event loop running already."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from contextlib import suppress
from math import inf
from threading import Thread
from typing import Any, Generic, TypeVar

T = TypeVar("T")
_LOOK_S = 0.25
"""Longest single wait, in seconds: an interrupt is noticed within it."""


class Worker(Generic[T]):
    """A coroutine on an event loop of its own, in a thread of its own."""

    def __init__(self, make: Callable[[], Coroutine[Any, Any, T]], name: str) -> None:
        """Start it; `name` is the thread's."""
        self._make = make
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[T] | None = None
        self._cancelled = False
        self._result: Future[T] = Future()
        self._thread = Thread(target=self._live, name=name, daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._thread.is_alive()

    def wait(self, timeout_s: float | None = None) -> T:
        """Its result, or its error.

        Raises:
            TimeoutError: It takes longer.
        """
        until_s = inf if timeout_s is None else time.monotonic() + timeout_s
        while not self._result.done():
            if (left_s := until_s - time.monotonic()) <= 0:
                raise TimeoutError
            # A wait without end is not interrupted everywhere.
            wait([self._result], min(left_s, _LOOK_S))
        return self._result.result()

    def call(self, function: Callable[[], object]) -> None:
        """Call the function on the worker's thread, unless it has ended."""
        # A loop that has been closed meanwhile raises RuntimeError.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function)

    def end(self) -> None:
        """Cancel it, and wait until it has cleaned up."""
        self._cancelled = True
        self.call(self._cancel)
        self._thread.join()

    def _live(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                self._result.set_result(runner.run(self._run()))
        except BaseException as error:
            self._result.set_exception(error)

    async def _run(self) -> T:
        self._task = asyncio.ensure_future(self._make())
        if self._cancelled:
            self._task.cancel()
        return await self._task

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()


def completed(make: Callable[[], Coroutine[Any, Any, T]], name: str) -> T:
    """The result of the coroutine; an interrupt cancels it and is raised once it has cleaned up."""
    worker = Worker(make, name)
    try:
        return worker.wait()
    except KeyboardInterrupt:
        worker.end()
        raise
