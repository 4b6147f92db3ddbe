"""The one thread in which the controller lives, so that no user interface's loop has to run it."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from marskit.controller.bus import Bus, Sink
from marskit.controller.controller import Controller
from marskit.controller.notices import describe
from marskit.domain.actions import Action
from marskit.domain.commands import Command, CommandError, DryRun
from marskit.domain.events import RunEnded
from marskit.domain.shortfall import Shortfall
from marskit.domain.state import State
from marskit.errors import UserError

_log = logging.getLogger(__name__)

Factory = Callable[[], Awaitable[Controller]]
"""Builds the controller, on the loop that will run it."""
T = TypeVar("T")
Ask = Callable[[Controller], Awaitable[T]]
"""What is asked of the controller, on its own loop."""
LoopFactory = Callable[[], asyncio.AbstractEventLoop]
"""Makes that loop, which defines the time."""

_EXPECTED = (UserError, OSError)
"""Exceptions about a factory's input, whose message is a full explanation."""


class Runtime:
    """Runs one controller on an event loop of its own, in one daemon thread.

    Every method may be called from any thread but the runtime's own, and only `stop` blocks. Sinks are
    called on the runtime's thread: they hand off and return, and may call no method but `end`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bus = Bus()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._controller: asyncio.Future[Controller] | None = None
        self._main: asyncio.Task[None] | None = None
        self._stopping = False
        self._has_fault = False
        self._waiting: set[Future[Any]] = set()

    @property
    def state(self) -> State:
        """The state after the last event; immutable."""
        return self._bus.state

    @property
    def has_fault(self) -> bool:
        """Whether the run could not be built because of a fault of the program rather than of its input."""
        return self._has_fault

    @property
    def is_current_thread(self) -> bool:
        """Whether the caller is on the runtime's own thread, which must not wait for the runtime."""
        return threading.current_thread() is self._thread

    def subscribe(self, sink: Sink) -> None:
        """Send later events to `sink`."""
        with self._lock:
            self._bus.subscribe(sink)

    def unsubscribe(self, sink: Sink) -> None:
        """Send no more events to `sink`."""
        with self._lock:
            self._bus.unsubscribe(sink)

    def start(
        self,
        factory: Factory,
        *,
        first: Sequence[Command] = (),
        loop_factory: LoopFactory = asyncio.new_event_loop,
    ) -> None:
        """Build a controller and run it; may be called once. `RunEnded` reports a failure.

        Args:
            factory: Builds the controller.
            first: Commands to carry out as soon as the run has begun, before any time passes.
            loop_factory: Makes the event loop.
        """
        with self._lock:
            if self._thread is not None:
                raise RuntimeError("a runtime starts once")
            self._loop = loop_factory()
            for command in first:
                self._take(self._loop, partial(Controller.handle, command=command))
            self._thread = threading.Thread(
                target=self._live, args=(self._loop, factory), name="marskit-controller", daemon=True
            )
        self._thread.start()

    def submit(self, command: Command) -> Future[None]:
        """Send a command to the controller; the future ends when it took effect, or with a `CommandError`."""
        return self._hand_over(lambda controller: controller.handle(command))

    def preview(self, action: Action) -> Future[DryRun]:
        """Ask what `Act` would do with the action now; nothing is written. See `Controller.preview`."""

        async def ask(controller: Controller) -> DryRun:
            return controller.preview(action)

        return self._hand_over(ask)

    def cut_short(self, how: Shortfall) -> None:
        """Let the end of the run say that it ended before all was done; call it before `end`."""

        def tell() -> None:
            if self._controller is not None and self._controller.done():
                self._controller.result().cut_short(how)

        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(tell)

    def end(self) -> None:
        """End the run at its present time; `stop` also waits. Idempotent."""
        with self._lock:
            self._stopping = True
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._cancel)

    def stop(self, timeout_s: float = 20.0) -> bool:
        """End the run and wait until everything has stopped; False if that takes too long. Idempotent."""
        self.end()
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _live(self, loop: asyncio.AbstractEventLoop, factory: Factory) -> None:
        """The thread, from beginning to end."""
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                try:
                    runner.run(self._run(factory))
                finally:
                    with self._lock:
                        self._loop = None
        except asyncio.CancelledError:
            _log.debug("the run was stopped")
        except Exception:
            _log.exception("the runtime failed")
        finally:
            waiting, self._waiting = self._waiting, set()
            for result in waiting:
                if result.set_running_or_notify_cancel():
                    result.set_exception(CommandError("The run has ended."))

    async def _run(self, factory: Factory) -> None:
        self._main = asyncio.current_task()
        self._controller = asyncio.get_running_loop().create_future()
        try:
            if self._stopping:
                raise asyncio.CancelledError
            controller = await factory()
        except asyncio.CancelledError:
            self._bus.publish(RunEnded(0.0, None))
            raise
        except _EXPECTED as error:
            self._bus.publish(RunEnded(0.0, describe(error)))
            return
        except Exception as error:
            _log.exception("the controller could not be built")
            self._has_fault = True
            self._bus.publish(RunEnded(0.0, f"Internal error: {type(error).__name__}: {describe(error)}"))
            return
        with self._lock:
            controller.bus.take_over(self._bus)
            self._bus = controller.bus
        self._controller.set_result(controller)
        await controller.run()

    def _hand_over(self, ask: Ask[T]) -> Future[T]:
        with self._lock:
            if self._loop is not None:
                return self._take(self._loop, ask)
            result: Future[T] = Future()
            begun = self._thread is not None
            result.set_exception(
                CommandError("The run has ended." if begun else "The run has not started yet.")
            )
            return result

    def _take(self, loop: asyncio.AbstractEventLoop, ask: Ask[T]) -> Future[T]:
        result: Future[T] = Future()
        self._waiting.add(result)
        loop.call_soon_threadsafe(self._begin, ask, result)
        return result

    def _begin(self, ask: Ask[T], result: Future[T]) -> None:
        task = asyncio.ensure_future(self._answer(ask))
        task.add_done_callback(lambda done: self._pass_on(done, result))

    async def _answer(self, ask: Ask[T]) -> T:
        assert self._controller is not None
        return await ask(await asyncio.shield(self._controller))

    def _pass_on(self, done: asyncio.Future[T], result: Future[T]) -> None:
        with self._lock:
            self._waiting.discard(result)
        if not result.set_running_or_notify_cancel():
            return
        if done.cancelled():
            result.set_exception(CommandError("The run has ended."))
        elif (error := done.exception()) is not None:
            result.set_exception(error)
        else:
            result.set_result(done.result())

    def _cancel(self) -> None:
        if self._main is not None:
            self._main.cancel()
