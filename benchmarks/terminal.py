"""marskit in a pseudo terminal, as a person has it."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType

from benchmarks.paths import ROOT

ROWS, COLUMNS = 45, 140


class Terminal(AbstractContextManager["Terminal"]):
    """Runs `python main.py` with those arguments; what it draws is read and thrown away."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.started_s = time.monotonic()
        self.first_frame_s: float | None = None
        """When the first box was drawn, in seconds from the start."""
        self._main, child = pty.openpty()
        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "main.py", *arguments],
            cwd=ROOT,
            env=_environment(),
            stdin=child,
            stdout=child,
            stderr=child,
            start_new_session=True,
        )
        os.close(child)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self._main, keys.encode())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Quit and wait."""
        if self.process.poll() is None:
            self.press("q")
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(1)
        os.close(self._main)

    def _read(self) -> None:
        while self.process.poll() is None:
            if not select.select([self._main], [], [], 0.2)[0]:
                continue
            try:
                drawn = os.read(self._main, 65536)
            except OSError:
                return
            if self.first_frame_s is None and "╭".encode() in drawn:
                self.first_frame_s = time.monotonic() - self.started_s


def _environment() -> dict[str, str]:
    """A warm start has its byte code, whatever the machine that measures is told."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
