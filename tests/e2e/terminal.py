"""The real program in a terminal of its own, as a person opens it."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from threading import Event, Thread

from tests.e2e.program import START_S, Program, wait_for
from tests.paths import ROOT

ROWS, COLUMNS = 45, 140
ENTERED, LEFT = b"\x1b[?1049h", b"\x1b[?1049l"
"""How a program turns to a screen of its own, and gives the terminal back."""
# In the new session, the program's terminal becomes the one whose end ends the session.
LOGIN = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Terminal(Program):
    """What it draws is collected as it comes."""

    def _start(self, command: Sequence[str], environment: Mapping[str, str]) -> "subprocess.Popen[str]":
        self._main, child = pty.openpty()
        self.drawn = b""
        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        popen = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", LOGIN, *command],
            cwd=ROOT,
            env={**environment, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
            stdin=child,
            stdout=child,
            stderr=child,
            text=True,
            start_new_session=True,
        )
        os.close(child)
        self._closing = Event()
        self._readers = [Thread(target=self._watch, daemon=True)]
        self._readers[0].start()
        return popen

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self._main, keys.encode())

    def wait_for_text(self, text: str, within_s: float = START_S) -> None:
        """Return once the program has written that."""
        wait_for(f"{text!r}; written: {self.drawn[-500:]!r}", lambda: text.encode() in self.drawn, within_s)

    def told(self) -> str:
        """What it wrote where the shell's prompt would be: all of it, or what came after its own screen."""
        return re.sub(r"\x1b\[[^a-z]*[a-z]", "", self.drawn.rpartition(LEFT)[2].decode())

    def close(self) -> None:
        """Close the terminal under the program, as its window's close button does."""
        self._closing.set()
        self._readers[0].join()

    def _watch(self) -> None:
        try:
            while not self._closing.is_set():
                if select.select([self._main], [], [], 0.05)[0]:
                    self.drawn += os.read(self._main, 65536)
        except OSError:
            # The last process that had the terminal is gone.
            pass
        finally:
            os.close(self._main)
