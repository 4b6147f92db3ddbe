"""The real program in real pseudo terminals: what cannot show the screen is refused, and none is outlived."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from marskit.cli.terminal import COLUMNS, ROWS, is_utf8, moves_cursor
from tests.paths import ROOT

START_S = 40.0
LEAVE_S = 20.0
"""Generous: the machine may be busy. What hangs, hangs for ever."""
LOGIN = """
import fcntl, os, signal, sys, termios
if sys.argv[1] == "login":
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
elif sys.argv[1] == "nohup":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
os.execv(sys.argv[2], sys.argv[2:])
"""


class Terminal:
    """One process in a pseudo terminal that reads only when it is told to."""

    def __init__(
        self,
        *arguments: str,
        environment: Mapping[str, str | None] | None = None,
        size: tuple[int, int] = (120, 40),
        how: str = "login",
    ) -> None:
        self.main, child = pty.openpty()
        columns, rows = size
        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        given = {**os.environ, "TERM": "xterm-256color", **(environment or {})}
        for size_of_another in ("COLUMNS", "LINES"):
            given.pop(size_of_another, None)
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", LOGIN, how, sys.executable, "main.py", *arguments],
            cwd=ROOT,
            env={name: value for name, value in given.items() if value is not None},
            stdin=child,
            stdout=child,
            stderr=child,
            start_new_session=True,
        )
        os.close(child)
        self.drawn = b""

    def read(self, until: bytes = b"", within_s: float = START_S) -> None:
        """Read until that was written, or the process has ended."""
        deadline_s = time.monotonic() + within_s
        while not until or until not in self.drawn:
            assert time.monotonic() < deadline_s, f"not written: {until!r}; but {self.drawn[-300:]!r}"
            if select.select([self.main], [], [], 0.05)[0]:
                try:
                    self.drawn += os.read(self.main, 65536)
                except OSError:
                    return
            elif self.process.poll() is not None:
                return

    def press(self, keys: str) -> None:
        os.write(self.main, keys.encode())

    def hang_up(self) -> None:
        os.close(self.main)
        self.main = -1

    def end(self) -> int:
        return self.process.wait(LEAVE_S)


@contextmanager
def terminal(
    *arguments: str,
    environment: Mapping[str, str | None] | None = None,
    size: tuple[int, int] = (120, 40),
    how: str = "login",
) -> Iterator[Terminal]:
    opened = Terminal(*arguments, environment=environment, size=size, how=how)
    try:
        yield opened
    finally:
        if opened.process.poll() is None:
            opened.process.kill()
            opened.process.wait()
        if opened.main >= 0:
            opened.hang_up()


@pytest.mark.parametrize(
    ("environment", "size", "words"),
    [
        ({"TERM": "dumb"}, (120, 40), "TERM is dumb"),
        ({"TERM": "unknown"}, (80, 24), "TERM is unknown"),
        ({"TERM": None}, (120, 40), "TERM is not set"),
        ({"LC_ALL": "C", "PYTHONUTF8": "0"}, (120, 40), "needs UTF-8"),
        ({"PYTHONIOENCODING": "latin-1"}, (120, 40), "needs UTF-8"),
        ({}, (COLUMNS - 1, 40), f"this window has {COLUMNS - 1} and 40"),
        ({}, (120, ROWS - 1), f"this window has 120 and {ROWS - 1}"),
    ],
    ids=["dumb", "unknown", "no TERM", "ASCII", "Latin", "narrow", "low"],
)
def test_a_terminal_that_cannot_show_the_screen_is_refused_in_one_sentence(
    environment: dict[str, str | None], size: tuple[int, int], words: str, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    with terminal("--mesh", "twin", "--runs", str(runs), environment=environment, size=size) as opened:
        opened.read()
        assert opened.end() == 2
    told = opened.drawn.decode()
    assert re.fullmatch(r"marskit: The screen [^\r\n]+run --headless\.\r\n", told), told
    assert words in told
    assert not runs.exists()


@pytest.mark.parametrize(
    ("name", "moves"),
    [("dumb", False), ("", False), ("xterm", True), ("linux", True), ("of-tomorrow", True)],
)
def test_only_terminals_known_to_lack_cursor_movement_are_refused(
    name: str,
    moves: bool,  # noqa: FBT001
) -> None:
    assert moves_cursor(name) is moves


def test_utf_8_has_several_names_and_other_encodings_are_not_it() -> None:
    assert all(map(is_utf8, ("utf-8", "UTF8", "utf_8")))
    assert not any(map(is_utf8, ("ascii", "latin-1", "cp1252", "no-such-encoding")))


WAYS = {
    "TERM": (signal.SIGTERM, 143),
    "HUP": (signal.SIGHUP, 129),
    "INT": (signal.SIGINT, 130),
}


@pytest.mark.parametrize("moment", [b"\x1b[?1049h", b"payments"], ids=["starting", "started"])
@pytest.mark.parametrize("way", [*WAYS, "closed"])
def test_no_process_outlives_its_terminal_or_ignores_a_signal(
    way: str, moment: bytes, tmp_path: Path
) -> None:
    with terminal("--mesh", "twin", "--runs", str(tmp_path / "runs")) as opened:
        opened.read(moment)
        if way == "closed":
            opened.hang_up()
            assert opened.end() == 129
        else:
            number, code = WAYS[way]
            opened.process.send_signal(number)
            opened.read()
            assert opened.end() == code


@pytest.mark.parametrize("how", ["nohup", "plain"])
def test_a_screen_ends_with_its_terminal_even_if_no_signal_tells_it(how: str, tmp_path: Path) -> None:
    with terminal("--mesh", "twin", "--runs", str(tmp_path / "runs"), how=how) as opened:
        opened.read(b"payments")
        opened.hang_up()
        assert opened.end() == 129


@pytest.mark.parametrize("way", ["TERM", "closed"])
def test_a_terminal_that_stops_reading_holds_nothing_up(way: str, tmp_path: Path) -> None:
    with terminal("--mesh", "twin", "--runs", str(tmp_path / "runs")) as opened:
        opened.read(b"payments")
        opened.press(" ")
        # The loop runs on and draws, until nothing more fits between the two.
        deadline_s = time.monotonic() + START_S
        while select.select([], [opened.main], [], 0)[1] and not stopped(opened):
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        if way == "closed":
            opened.hang_up()
            assert opened.end() == 129
        else:
            opened.process.send_signal(signal.SIGTERM)
            assert opened.end() == 143


def stopped(opened: Terminal) -> bool:
    """Whether the amount that waits to be read has stopped growing."""
    before = waiting(opened)
    time.sleep(1.0)
    return before > 2000 and waiting(opened) == before


def waiting(opened: Terminal) -> int:
    held = fcntl.ioctl(opened.main, termios.FIONREAD, struct.pack("i", 0))
    count: int = struct.unpack("i", held)[0]
    return count


def test_a_terminal_that_reads_again_gets_the_whole_screen_again(tmp_path: Path) -> None:
    with terminal("--mesh", "twin", "--runs", str(tmp_path / "runs")) as opened:
        opened.read(b"payments")
        opened.press(" ")
        while not stopped(opened):
            continue
        opened.drawn = b""
        opened.read(b"Monitor")
        opened.process.send_signal(signal.SIGTERM)
        opened.read()
        assert opened.end() == 143
