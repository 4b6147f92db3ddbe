"""The terminal that the app draws on, which a person may close at any time."""

import os
import signal
import sys
from collections.abc import Callable
from io import TextIOWrapper
from typing import TYPE_CHECKING, TextIO, cast

from textual.drivers.linux_driver import LinuxDriver

from marskit.system import exit_codes

if TYPE_CHECKING:
    from textual.app import App


class TerminalDriver(LinuxDriver):
    """Textual's driver, with one difference: a terminal that goes away ends the app.

    Without this, the writing thread would die of the first error, and the drawing thread would wait for it.
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
        self._file = cast(TextIOWrapper, _Output(self._file, self._leave))

    def _leave(self) -> None:
        """Runs on the writing thread."""
        self._app.call_later(self._app.exit, exit_codes.of_signal(signal.SIGHUP))


class _Output:
    """A terminal's output; writes after its end are discarded."""

    def __init__(self, file: TextIO, at_end: Callable[[], None]) -> None:
        self._file = file
        self._at_end = at_end

    def fileno(self) -> int:
        """The file descriptor."""
        return self._file.fileno()

    def write(self, text: str) -> None:
        """Write, or notice that the terminal is gone."""
        try:
            self._file.write(text)
        except OSError:
            self._end()

    def flush(self) -> None:
        """Flush pending output, or notice that the terminal is gone."""
        try:
            self._file.flush()
        except OSError:
            self._end()

    def _end(self) -> None:
        # Pending output and later tracebacks need a destination.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.__stdout__, sys.__stderr__):
            if stream is not None:
                os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        self._at_end()
