"""The terminal that the app draws on: it may be slow, stop reading, or be closed at any time."""

import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from io import TextIOWrapper
from typing import TYPE_CHECKING, TextIO, cast

from textual.drivers.linux_driver import LinuxDriver

from marskit.system import exit_codes

if TYPE_CHECKING:
    from textual.app import App

STUCK_S = 0.75
"""Time without a byte accepted after which a terminal counts as stuck, and output to it is dropped."""


class TerminalDriver(LinuxDriver):
    """Textual's driver, on an output that never waits for a terminal that does not read.

    Without this, the writing thread would die of the first error or wait for ever, and the thread that
    draws and reads keys and signals would wait for it.
    """

    def __init__(
        self,
        app: "App[object]",
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        assert self._file is not None
        self.output = Output(self._file, self._leave, self._draw_again)
        self._file = cast(TextIOWrapper, self.output)

    def close(self) -> None:
        """Give the terminal back; nothing more is written to one that does not read."""
        super().close()
        self.output.close()

    def _leave(self) -> None:
        """Runs on the writing thread."""
        self._app.call_later(self._app.exit, exit_codes.of_signal(signal.SIGHUP))

    def _draw_again(self) -> None:
        """Runs on a thread of its own: what was dropped is missing on the screen."""
        self._app.call_later(self._app.screen.refresh)


class Output:
    """A terminal's output; writes after its end, or while it is stuck, are discarded."""

    def __init__(self, file: TextIO, at_end: Callable[[], None], again: Callable[[], None]) -> None:
        self._file = file
        self._at_end = at_end
        self._again = again
        self._descriptor = _unblocked(file.fileno())
        self._ended = False
        self._closed = False
        self.is_stuck = False
        self.is_writing = False
        """Whether a write is under way: more would only queue behind it."""

    def fileno(self) -> int:
        """The file descriptor."""
        return self._file.fileno()

    def write(self, text: str) -> None:
        """Write as fast as the terminal reads; give up once it stops, or is gone."""
        if self._ended or self.is_stuck:
            return
        self.is_writing = True
        left = memoryview(text.encode("utf-8", "replace"))
        try:
            while left:
                if not select.select([], [self._descriptor], [], STUCK_S)[1]:
                    self._wait_beside()
                    return
                try:
                    left = left[os.write(self._descriptor, left) :]
                except BlockingIOError:
                    continue
        except OSError:
            self._end()
        finally:
            self.is_writing = False

    def flush(self) -> None:
        """Nothing waits to be flushed."""

    def close(self) -> None:
        """End the use of the terminal; the process must not wait for one that is stuck either."""
        self._closed = True
        if self.is_stuck:
            self._detach()

    def _wait_beside(self) -> None:
        self.is_stuck = True
        threading.Thread(target=self._until_it_reads, name="marskit-stuck-terminal", daemon=True).start()

    def _until_it_reads(self) -> None:
        while not self._closed:
            try:
                if select.select([], [self._descriptor], [], STUCK_S)[1]:
                    break
            except OSError:
                return
        else:
            return
        self.is_stuck = False
        self._again()

    def _end(self) -> None:
        self._ended = True
        self._detach()
        self._at_end()

    def _detach(self) -> None:
        # Later words and tracebacks need a destination.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.__stdout__, sys.__stderr__):
            if stream is not None:
                os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _unblocked(descriptor: int) -> int:
    """The same terminal opened anew, never to block: the shell shares the mode of the old descriptor."""
    try:
        return os.open(os.ttyname(descriptor), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return descriptor
