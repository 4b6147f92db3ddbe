"""Child processes that never outlive the program, however it ends.

Two mechanisms ensure this: on Linux the kernel kills each child with its parent (PDEATHSIG), and everywhere a
reaper process (`marskit.system.reaper`) does so when the pipe from the parent ends. Either one alone
suffices.
"""

import asyncio
import contextlib
import ctypes
import os
import secrets
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals

from marskit.system import reaper
from marskit.system.private_files import make_private_folder, temporary_folder

_PR_SET_PDEATHSIG = 1
_POLL_S = 0.01
SOCKET_NAME_BYTES = 16
"""Longest path of a UNIX socket within a scratch directory, in bytes."""
# Bound here, and keeping the GIL: between fork and exec nothing may wait for a lock of another thread.
_prctl = ctypes.PyDLL(None).prctl if sys.platform == "linux" else None


class Child:
    """One running process, leader of its own session and process group."""

    name: str
    """The program's name for it; not unique."""
    pid: int
    """Process id, and the id of its process group."""
    log: Path
    """File for its standard output and error."""

    def __init__(self, name: str, log: Path, popen: subprocess.Popen[bytes]) -> None:
        self.name = name
        self.log = log
        self.pid = popen.pid
        self._popen = popen
        self._exit: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def returncode(self) -> int | None:
        """The exit code, minus the signal's number if one ended it, or None while it runs."""
        return self._exit.result() if self._exit.done() else None

    async def wait(self) -> int:
        """Return the exit code once the process has ended; any number of callers may wait."""
        return await asyncio.shield(self._exit)

    def signal(self, number: Signals) -> None:
        """Send a signal to the process itself, as `kill` does; does nothing if it has ended."""
        if not self._exit.done():
            os.kill(self.pid, number)

    def signal_group(self, number: Signals) -> None:
        """Send a signal to the process and every descendant that stayed in its group."""
        if not self._exit.done():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def kill_group(self) -> None:
        """Kill the process and every descendant that stayed in its group."""
        self.signal_group(SIGKILL)


class Children:
    """Starts, watches and ends child processes on one event loop.

    `spawn` must run on a thread that lives as long as the children: Linux sends PDEATHSIG when the *thread*
    that forked ends. The controller's loop thread is such a thread.
    """

    def __init__(self, *, scratch: Path | None = None) -> None:
        """Own `scratch`, a directory that `make_scratch` creates and that disappears with the program."""
        self._scratch = scratch
        self._running: set[Child] = set()
        self._guard: Child | None = None
        self._pipe = -1
        self._closed = False

    def make_scratch(self) -> None:
        """Make the scratch directory after starting the reaper, so that it is always removed.

        Raises:
            UnsafeFolderError: Another user could put something else in its place.
            OSError: It cannot be made.
        """
        assert self._scratch is not None
        self._ensure_guard()
        make_private_folder(self._scratch)

    async def spawn(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path,
        log: Path,
        stdin: int = subprocess.DEVNULL,
        stdout: int | None = None,
    ) -> Child:
        """Start a process whose output is appended to `log`; raise OSError if it cannot be started.

        `stdin` and `stdout` are descriptors to use instead of nothing and of the log.
        """
        if self._closed:
            raise RuntimeError(f"cannot start {name}: its children are being closed")
        self._ensure_guard()
        with os.fdopen(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as output:
            streams = (stdin, output.fileno() if stdout is None else stdout, output.fileno())
            child = self._start(name, argv, env, cwd, streams, log)
        self._running.add(child)
        self._tell(f"+{child.pid}")
        self._watch(child, self._ended)
        return child

    async def stop(self, child: Child, *, grace_s: float) -> int:
        """Ask the process to end (SIGTERM), kill its group after the grace, and return its exit code."""
        child.signal(SIGTERM)
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(child.wait(), grace_s)
        child.kill_group()
        return await child.wait()

    async def close(self, *, grace_s: float) -> None:
        """Stop every child at once, then the reaper, which removes the scratch directory."""
        self._closed = True
        await asyncio.gather(*(self.stop(child, grace_s=grace_s) for child in tuple(self._running)))
        if self._guard is None and self._scratch is None:
            return
        guarding = self._ensure_guard()
        os.close(self._pipe)
        self._pipe = -1
        await guarding.wait()

    def _start(
        self,
        name: str,
        argv: Sequence[str | Path],
        env: Mapping[str, str],
        cwd: Path,
        streams: tuple[int, int, int],
        log: Path,
    ) -> Child:
        with warnings.catch_warnings():
            # Python 3.12 warns of any fork in a threaded process; the code before exec here takes no lock.
            warnings.simplefilter("ignore", DeprecationWarning)
            popen = subprocess.Popen(
                argv,
                stdin=streams[0],
                stdout=streams[1],
                stderr=streams[2],
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
                preexec_fn=_die_with(os.getpid()),
            )
        return Child(name, log, popen)

    def _ensure_guard(self) -> Child:
        if self._guard is not None and self._guard.returncode is None:
            return self._guard
        if self._pipe != -1:
            os.close(self._pipe)
        argv: list[str | Path] = [sys.executable, "-I", "-S", Path(reaper.__file__)]
        if self._scratch is not None:
            argv.append(self._scratch.absolute())
        read_end, self._pipe = os.pipe()
        popen = subprocess.Popen(
            argv,
            stdin=read_end,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        os.close(read_end)
        self._guard = Child("guard", Path(os.devnull), popen)
        self._watch(self._guard, _settle)
        for child in self._running:
            self._tell(f"+{child.pid}")
        return self._guard

    def _tell(self, line: str) -> None:
        # A killed reaper is replaced at the next spawn; until then only the kernel protects.
        with contextlib.suppress(BrokenPipeError):
            os.write(self._pipe, f"{line}\n".encode())

    def _ended(self, child: Child) -> None:
        # With a pidfd the leader is not reaped yet, so its group id cannot belong to another process by now.
        child.kill_group()
        self._running.discard(child)
        self._tell(f"-{child.pid}")
        _settle(child)

    def _watch(self, child: Child, ended: Callable[[Child], None]) -> None:
        """Call `ended` once the process has exited: no thread per child, and within milliseconds."""
        loop = asyncio.get_running_loop()
        try:
            exit_fd = os.pidfd_open(child.pid)
        except (AttributeError, OSError):
            self._poll(loop, child, ended)
            return

        def readable() -> None:
            loop.remove_reader(exit_fd)
            os.close(exit_fd)
            ended(child)

        loop.add_reader(exit_fd, readable)

    def _poll(self, loop: asyncio.AbstractEventLoop, child: Child, ended: Callable[[Child], None]) -> None:
        if child._popen.poll() is None:
            loop.call_later(_POLL_S, self._poll, loop, child, ended)
        else:
            ended(child)


def scratch_path(prefix: str) -> Path:
    """An unused path in a temporary folder, for `Children` to make and remove, with room for sockets.

    Raises:
        UnsafeFolderError: There is no temporary folder with a name that short.
    """
    name = f"{prefix}{secrets.token_hex(8)}"
    return temporary_folder(len(f"/{name}/") + SOCKET_NAME_BYTES) / name


def _settle(child: Child) -> None:
    child._exit.set_result(child._popen.wait())


def _die_with(parent: int) -> Callable[[], None] | None:
    """The code that a child runs before exec so that the kernel kills it together with its parent."""
    prctl = _prctl
    if prctl is None:
        return None

    def set_death_signal() -> None:
        prctl(_PR_SET_PDEATHSIG, int(SIGKILL), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return set_death_signal
