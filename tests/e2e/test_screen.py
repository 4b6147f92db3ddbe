"""The terminal UI as a person opens it, in a terminal of its own."""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OPEN, CLOSED = b"\x1b[?1049h", b"\x1b[?1049l"
"""How a terminal is told to show the other screen, and to come back."""

pytestmark = [pytest.mark.e2e, pytest.mark.mesh]


@dataclass
class Terminal:
    """A program in a terminal of 120 by 40."""

    arguments: tuple[str, ...]
    seen: bytes = b""
    pid: int = field(init=False)
    fd: int = field(init=False)

    def __post_init__(self) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(ROOT)
            os.environ["TERM"] = "xterm-256color"
            os.execv(sys.executable, [sys.executable, "main.py", *self.arguments])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))

    def wait_for(self, text: bytes, within_s: float) -> None:
        deadline_s = time.monotonic() + within_s
        while text not in self.seen:
            assert time.monotonic() < deadline_s, self.seen[-2000:]
            self._read()

    def end(self, within_s: float) -> int:
        """Its exit code."""
        deadline_s = time.monotonic() + within_s
        while self._read():
            assert time.monotonic() < deadline_s
        exit_code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)
        return exit_code

    def press(self, key: bytes) -> None:
        os.write(self.fd, key)

    def _read(self) -> bool:
        if not select.select([self.fd], [], [], 0.1)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.seen += data
        return bool(data)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_gives_the_terminal_back(tmp_path: Path, number: signal.Signals, code: int) -> None:
    terminal = Terminal(("--runs", str(tmp_path)))
    terminal.wait_for(OPEN, 20.0)
    terminal.wait_for(b"payments", 20.0)
    os.kill(terminal.pid, number)
    assert terminal.end(20.0) == code
    assert CLOSED in terminal.seen


def test_leaving_ends_the_run(tmp_path: Path) -> None:
    terminal = Terminal(("--runs", str(tmp_path)))
    terminal.wait_for(b"payments", 20.0)
    terminal.press(b"q")
    assert terminal.end(20.0) == 0
    assert CLOSED in terminal.seen


def test_wrong_input_opens_no_screen(tmp_path: Path) -> None:
    terminal = Terminal(("--manifests", "/nowhere", "--runs", str(tmp_path)))
    assert terminal.end(20.0) == 2
    assert OPEN not in terminal.seen
    assert terminal.seen.startswith(b"marskit: /nowhere: ")
    assert terminal.seen.count(b"\n") == 1
