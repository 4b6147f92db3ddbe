"""The host: a process that forks the planner's process and ends every process that the planner leaves behind.

The host has already imported everything that planners need, so it replaces a dead planner within
milliseconds. Orphans of the planner, in any session, become children of the host (Linux), so none escapes.
The host ends with the program: it exits when its standard input, a socket, is closed.
"""

import contextlib
import ctypes
import faulthandler
import os
import select
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import IO, NoReturn

import psutil

from marskit.knowledge.format.codec import dumps
from marskit.plugins.runner import serve
from marskit.plugins.wire import Gone, send

START = b"S"
"""Message: start a planner's process that communicates over the descriptor sent along."""
STOP = b"X"
"""Message: end the planner's process and report where its code was."""
MOST_PROCESSES = 64
"""Largest number of processes that a planner may have at a time."""
MOST_SAID = 4096
"""Length of the end of the planner's output that is kept, in bytes."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LOOK_S = 0.1
"""Interval between counts of the planner's processes, in seconds."""
_DUMP_WITHIN_S = 0.2
"""Longest wait for the planner's process to write its stack, in seconds."""
_ROUNDS = 200
"""Largest number of attempts to kill all descendants."""


class Host:
    """Runs one planner's process at a time."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._woken, wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self._runner = 0
        """Process id of the planner's process; 0 while there is none."""
        self._output = -1
        self._said = b""
        self._dump: IO[bytes] | None = None
        self._looked_s = 0.0

    def serve(self) -> None:
        """Obey the program's messages until the program is gone, then end every descendant."""
        try:
            while self._turn():
                pass
        finally:
            end_family()

    def _turn(self) -> bool:
        watched: list[int | socket.socket] = [self._control, self._woken]
        if self._output != -1:
            watched.append(self._output)
        readable, _, _ = select.select(watched, [], [], _LOOK_S if self._runner else None)
        if self._woken in readable:
            with contextlib.suppress(BlockingIOError):
                os.read(self._woken, 4096)
            self._reap()
        if self._output in readable:
            self._drain()
        self._count()
        if self._control in readable:
            return self._obey()
        return True

    def _obey(self) -> bool:
        try:
            what, descriptors, _, _ = socket.recv_fds(self._control, 1, 1)
        except ConnectionError:
            return False
        if what == START:
            self._start(descriptors[0])
        elif what == STOP:
            self._stop()
        return bool(what)

    def _start(self, channel: int) -> None:
        self._end(0)
        self._output, output = os.pipe()
        os.set_blocking(self._output, False)
        self._said = b""
        self._dump = tempfile.TemporaryFile()  # noqa: SIM115 # closed when the process is gone
        pid = os.fork()
        if pid == 0:
            self._become_runner(channel, output)
        self._runner = pid
        os.close(output)
        os.close(channel)

    def _become_runner(self, channel: int, output: int) -> NoReturn:
        assert self._dump is not None
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            parent = os.getppid()
            os.setsid()
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)
            nothing = os.open(os.devnull, os.O_RDWR)
            for target, source in ((0, nothing), (1, output), (2, output)):
                os.dup2(source, target)
            kept = sorted({channel, self._dump.fileno()})
            _close_all_but(kept)
            sys.stdout = open(1, "w", buffering=1, errors="replace", closefd=False)  # noqa: SIM115
            sys.stderr = open(2, "w", buffering=1, errors="replace", closefd=False)  # noqa: SIM115
            faulthandler.enable(self._dump.fileno(), all_threads=False)
            faulthandler.register(signal.SIGUSR1, self._dump.fileno(), all_threads=True)
            dump = self._dump.fileno()
            serve(socket.socket(fileno=channel), lambda text: _write(dump, text))
        except BaseException:
            # The child must never return into the host's code.
            import traceback

            traceback.print_exc()
        finally:
            os._exit(70)

    def _stop(self) -> None:
        """End the planner's process after it has written its stack."""
        if not self._runner:
            return
        self._ask_where()
        self._end(-signal.SIGKILL, report=True)

    def _ask_where(self) -> None:
        assert self._dump is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._runner, signal.SIGUSR1)
        until = time.monotonic() + _DUMP_WITHIN_S
        size = 0
        while time.monotonic() < until:
            now = os.fstat(self._dump.fileno()).st_size
            if now and now == size:
                return
            size = now
            time.sleep(0.005)

    def _reap(self) -> None:
        """Collect ended children; once the planner's process has ended, end everything that it started."""
        for pid, status in _ended():
            if pid == self._runner:
                self._end(os.waitstatus_to_exitcode(status), report=True)
                return

    def _count(self) -> None:
        """End the planner if it has started too many processes; checked every `_LOOK_S`."""
        if not self._runner or time.monotonic() - self._looked_s < _LOOK_S:
            return
        self._looked_s = time.monotonic()
        if (
            _has_children(self._runner)
            and len(psutil.Process().children(recursive=True)) > MOST_PROCESSES + 1
        ):
            self._end(-signal.SIGKILL, report=True, too_many=True)

    def _end(self, status: int, *, report: bool = False, too_many: bool = False) -> None:
        end_family()
        if not self._runner:
            return
        self._runner = 0
        self._drain()
        os.close(self._output)
        self._output = -1
        assert self._dump is not None
        dump = os.pread(self._dump.fileno(), 2**16, 0).decode(errors="replace")
        self._dump.close()
        self._dump = None
        if report:
            gone = Gone(status, self._said.decode(errors="replace"), dump, too_many)
            with contextlib.suppress(OSError):
                send(self._control, dumps(gone, Gone))

    def _drain(self) -> None:
        """Read the planner's output, so that it never blocks on printing, and keep the end."""
        with contextlib.suppress(BlockingIOError):
            for _ in range(16):
                part = os.read(self._output, 2**16)
                if not part:
                    return
                self._said = (self._said + part)[-MOST_SAID:]


def end_family() -> None:
    """Kill every descendant of this process, adopted orphans included, and wait until all are gone."""
    me = psutil.Process()
    for _ in range(_ROUNDS):
        family = me.children(recursive=True)
        if not family:
            return
        # All are stopped first: one that still runs could start another process meanwhile.
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for each in family:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(each.pid, number)
        time.sleep(0.001)
        list(_ended())


def _ended() -> Sequence[tuple[int, int]]:
    """Process ids and wait statuses of the children that have ended."""
    ended: list[tuple[int, int]] = []
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            ended.append(found)
    return ended


def _has_children(pid: int) -> bool:
    """Whether a process has children; true where that cannot be found out quickly."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", "rb") as file:  # noqa: PTH123 # ten times a second
            return bool(file.read(1))
    except OSError:
        return True


def _close_all_but(kept: Sequence[int]) -> None:
    first = 3
    for descriptor in kept:
        os.closerange(first, descriptor)
        first = descriptor + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))


def _write(descriptor: int, text: str) -> None:
    with contextlib.suppress(OSError):
        os.write(descriptor, text.encode(errors="replace"))


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.PyDLL(None).prctl(option, int(value), 0, 0, 0)


def main() -> None:
    """Serve the program at the other end of standard input."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    control = socket.socket(fileno=os.dup(0))
    Host(control).serve()


if __name__ == "__main__":
    main()
