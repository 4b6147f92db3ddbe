"""The program's side of a planner's process: starts it, asks it, times it and ends it."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass

import psutil

from marskit.knowledge.format.codec import CodecError, dumps, loads
from marskit.plugins import host
from marskit.plugins.wire import MOST_BYTES, Gone, Inbox, Loaded, Reply, Request, send
from marskit.system.blame import blamed_in_dump
from marskit.system.import_root import python_path

_KEPT = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
)
"""Environment variables that a planner inherits, besides LC_*; any other may hold a secret."""
_ALIKE = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"} | dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)
"""Environment variables set for every planner: the same seed gives the same plans, on one core."""
_GONE_WITHIN_S = 5.0
"""Longest wait for the host to report or to end, in seconds."""
_DEATH_WITHIN_S = 0.2
"""Longest wait for the report after a connection has closed, in seconds."""
_LOOK_S = 0.05
"""Interval between checks of processor time, in seconds."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How long an answer may take."""

    wall_s: float
    """Wall-clock time, in seconds."""
    cpu_s: float | None = None
    """Processor time of the planner's process, in seconds; None for no limit."""


class Broken(Exception):
    """The process is gone; the message says what the planner did and continues after the planner's name."""

    def __init__(self, sentence: str, *, by_wall: bool = False, late: bool = False) -> None:
        super().__init__(sentence)
        self.late = late or by_wall
        """Whether a limit of time ended it."""
        self.by_wall = by_wall
        """Whether the wall-clock limit ended it."""


class PlannerProcess:
    """One host and at most one planner in it; all methods but `close` are for one thread at a time."""

    def __init__(self, own: str) -> None:
        """Store the folder of the user's code, `own`, to name lines in it; no process starts yet."""
        self._own = own
        self._popen: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._channel: socket.socket | None = None
        self._inbox, self._news = Inbox(), Inbox()
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 # lives as long as this does
        self._runner: psutil.Process | None = None
        self._busy = threading.Lock()
        self._closed = False

    def begin(self, request: Request, limit: Limit) -> Reply:
        """Start a planner's process in place of any former one, and ask it `request` within `limit`.

        Raises:
            Broken: The process ended, or was ended at the limit.
        """
        with self._busy:
            control = self._hosted()
            self._drop_channel()
            self._channel, theirs = socket.socketpair()
            self._inbox = Inbox()
            with theirs:
                try:
                    socket.send_fds(control, [host.START], [theirs.fileno()])
                except OSError as error:
                    raise self._hostless() from error
            return self._exchange(request, limit)

    def ask(self, request: Request, limit: Limit) -> Reply:
        """Send `request` and wait for the answer within `limit`.

        Raises:
            Broken: The process ended, or was ended at the limit.
        """
        with self._busy:
            return self._exchange(request, limit)

    def close(self) -> None:
        """End the host and the planner and wait for it, even while another thread asks. Idempotent."""
        self._closed = True
        control, popen = self._control, self._popen
        if control is not None:
            with contextlib.suppress(OSError):
                control.shutdown(socket.SHUT_RDWR)
        if popen is not None:
            try:
                popen.wait(_GONE_WITHIN_S)
            except subprocess.TimeoutExpired:
                popen.kill()
                popen.wait()
        with self._busy:
            self._drop_channel()
            self._drop_host()
            self._complaints.close()

    def _hosted(self) -> socket.socket:
        """The socket of a running host, which is started if needed."""
        if self._closed:
            raise Broken("was ended")
        if self._popen is not None and self._popen.poll() is None and self._control is not None:
            return self._control
        self._drop_host()
        ours, theirs = socket.socketpair()
        with theirs:
            self._popen = subprocess.Popen(
                (sys.executable, "-P", "-m", host.__name__),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=self._complaints,
                env=_environment(),
                start_new_session=True,
            )
        self._control, self._news = ours, Inbox()
        if self._closed:
            ours.shutdown(socket.SHUT_RDWR)
        return ours

    def _exchange(self, request: Request, limit: Limit) -> Reply:
        if self._channel is None or self._control is None:
            raise Broken("has no process")
        begun_s, cpu_s = time.monotonic(), self._cpu_s() if limit.cpu_s is not None else 0.0
        try:
            self._send(dumps(request, Request), begun_s + limit.wall_s)
            while True:
                left_s = begun_s + limit.wall_s - time.monotonic()
                if left_s <= 0:
                    raise self._stopped(f"did not answer within {limit.wall_s:g} s", by_wall=True)
                text = self._receive(min(left_s, _LOOK_S) if limit.cpu_s is not None else left_s)
                # Checked for answers too: the interval between checks must not decide which ones are late.
                if limit.cpu_s is not None and self._cpu_s() - cpu_s > limit.cpu_s:
                    raise self._stopped(f"used more than {limit.cpu_s:g} s of processor time", late=True)
                if text is not None:
                    reply: Reply = loads(text, Reply)
                    if isinstance(reply, Loaded):
                        self._runner = psutil.Process(reply.pid)
                    return reply
        except (CodecError, ValueError, psutil.Error) as error:
            raise self._stopped("wrote something that is not an answer") from error
        except (ConnectionError, _Ended) as error:
            # Usually the process has ended, and the host will report that shortly.
            if (gone := self._heard(_DEATH_WITHIN_S)) is not None:
                raise self._gone(gone) from error
            raise self._stopped("closed the connection that carries its answers") from error

    def _send(self, text: str, until_s: float) -> None:
        assert self._channel is not None
        # A process that does not read must not block the program.
        self._channel.settimeout(max(0.001, until_s - time.monotonic()))
        try:
            send(self._channel, text)
        except TimeoutError:
            raise self._stopped("did not read its request", by_wall=True) from None
        finally:
            self._channel.settimeout(None)

    def _receive(self, within_s: float) -> str | None:
        """The next message of the planner's process; None if none arrives within that time."""
        assert self._channel is not None
        assert self._control is not None
        if (text := self._inbox.take(MOST_BYTES)) is not None:
            return text
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        poll.register(self._control, select.POLLIN)
        ready = [descriptor for descriptor, _ in poll.poll(within_s * 1000.0)]
        if self._channel.fileno() in ready:
            part = self._channel.recv(2**16)
            if not part:
                raise _Ended
            self._inbox.feed(part)
        elif self._control.fileno() in ready:
            # Checked after the channel, because the last bytes there may be the answer.
            raise self._gone(self._heard())
        return self._inbox.take(MOST_BYTES)

    def _cpu_s(self) -> float:
        """Processor time of the planner's process and of the children that it waited for, in seconds."""
        try:
            return sum(self._runner.cpu_times()[:4]) if self._runner is not None else 0.0
        except psutil.Error:
            return 0.0

    def _stopped(self, sentence: str, *, by_wall: bool = False, late: bool = False) -> Broken:
        """End the planner's process; the error says what it did and where it was."""
        assert self._control is not None
        with contextlib.suppress(OSError):
            self._control.sendall(host.STOP)
        gone = self._heard()
        if gone is None:
            return self._hostless()
        if gone.status != -signal.SIGKILL or gone.too_many:
            # It ended by itself before it could be stopped.
            return self._gone(gone)
        self._drop_channel()
        return Broken(self._placed(sentence, gone), by_wall=by_wall, late=late)

    def _gone(self, gone: Gone | None) -> Broken:
        if gone is None:
            return self._hostless()
        self._drop_channel()
        if gone.too_many:
            sentence = f"started more than {host.MOST_PROCESSES} processes"
        elif gone.status < 0:
            sentence = f"was killed by {signal.Signals(-gone.status).name}"
        else:
            sentence = f"ended its process with exit code {gone.status}"
        return Broken(self._placed(sentence, gone))

    def _placed(self, sentence: str, gone: Gone) -> str:
        place = blamed_in_dump(gone.dump, self._own)
        said = [line for line in gone.said.splitlines() if line.strip()]
        printed = f"; it printed last: {said[-1].strip()[:120]}" if said and not place else ""
        return f"{sentence} ({place})" if place else f"{sentence}{printed}"

    def _hostless(self) -> Broken:
        """The error for a lost host, which only the planner or something outside can have ended."""
        self._drop_channel()
        self._drop_host()
        if self._closed:
            return Broken("was ended")
        self._complaints.seek(0)
        said = self._complaints.read().decode(errors="replace").strip().splitlines()
        return Broken(f"lost its host process{f': {said[-1][:200]}' if said else ''}")

    def _heard(self, within_s: float = _GONE_WITHIN_S) -> Gone | None:
        """The host's report that the planner's process is gone; None if none arrives in that time."""
        assert self._control is not None
        until_s = time.monotonic() + within_s
        while True:
            if (text := self._news.take(MOST_BYTES)) is not None:
                return loads(text, Gone)
            self._control.settimeout(max(0.001, until_s - time.monotonic()))
            try:
                part = self._control.recv(2**16)
            except OSError:
                part = b""
            if not part:
                return None
            self._news.feed(part)

    def _drop_channel(self) -> None:
        self._runner = None
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _drop_host(self) -> None:
        if self._control is not None:
            # Closing its socket ends the host and all its processes.
            self._control.close()
            self._control = None
        if self._popen is not None:
            try:
                self._popen.wait(_GONE_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._popen.kill()
                self._popen.wait()
            self._popen = None


class _Ended(Exception):
    """The connection ended."""


def _environment() -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith("LC_")}
    return ours | _ALIKE | {"PYTHONPATH": python_path()}
