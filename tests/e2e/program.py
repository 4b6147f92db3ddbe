"""The real program as a person starts it, and proof that nothing of it is left."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from threading import Thread
from types import TracebackType
from typing import IO, Self, TypeVar

import psutil

from marskit.domain.events import Event
from marskit.domain.loop_events import CycleCompleted
from marskit.domain.records import Cycle
from marskit.knowledge.format.codec import loads
from marskit.system.free_ports import is_free
from tests.paths import ROOT

E = TypeVar("E")

START_S = 60.0
"""Long enough for a start on a machine that is busy with other things."""
END_S = 30.0
GONE_S = 3.0
"""How long after its death anything of the program may still be there."""
POLL_S = 0.02


def wait_for(what: str, condition: Callable[[], object], within_s: float) -> None:
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {within_s:g} s: {what}"
        time.sleep(POLL_S)


def free_port() -> int:
    """A port outside the range that runs take theirs from, so that none takes it once it is free again."""
    chance = random.SystemRandom()
    while not is_free(port := chance.randint(10_000, 19_999)):
        continue
    return port


class Program:
    """`python main.py ...` with a folder of its own for temporary files, by which its processes are known.

    Leaving the context kills whatever is left, so that a test that fails harms no other.
    """

    def __init__(
        self,
        home: Path,
        *arguments: str,
        runs: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`home` must not exist yet; runs are recorded in it unless `runs` says where."""
        home.mkdir(parents=True)
        # Short, or the run would choose a folder of its own for its sockets.
        self.temporary = Path(mkdtemp(prefix="e2e-"))
        self.runs = runs or home / "runs"
        self.out: list[str] = []
        """The whole lines of standard output so far."""
        self.err: list[str] = []
        self.popen = self._start(
            [sys.executable, "main.py", *arguments, "--runs", str(self.runs)],
            {**os.environ, "TMPDIR": str(self.temporary), **(environment or {})},
        )

    def _start(self, command: Sequence[str], environment: Mapping[str, str]) -> "subprocess.Popen[str]":
        popen = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert popen.stdout is not None
        assert popen.stderr is not None
        self._readers = [
            Thread(target=_read, args=pair, daemon=True)
            for pair in ((popen.stdout, self.out), (popen.stderr, self.err))
        ]
        for reader in self._readers:
            reader.start()
        return popen

    def events(self, kind: type[E]) -> list[E]:
        """The events of one kind that `--json` has told so far."""
        begins = f'{{"kind":"{kind.__name__}"'
        found = (loads(line, Event) for line in self.out.copy() if line.startswith(begins))
        return [event for event in found if isinstance(event, kind)]

    @property
    def cycles(self) -> list[Cycle]:
        """The cycles that `--json` has acknowledged so far."""
        return [event.cycle for event in self.events(CycleCompleted)]

    def wait_for_cycles(self, count: int) -> None:
        """Return once so many are acknowledged."""
        begins = '{"kind":"CycleCompleted"'

        def enough() -> bool:
            assert self.popen.poll() is None, f"it ended early: {self.err}"
            return sum(line.startswith(begins) for line in self.out.copy()) >= count

        wait_for(f"{count} cycles", enough, START_S)

    def end(self, within_s: float = END_S) -> int:
        """Wait for its end and the rest of its output; its exit code, or minus the signal that killed it."""
        code = self.popen.wait(within_s)
        for reader in self._readers:
            reader.join(END_S)
        return code

    def kill(self) -> None:
        """Kill it as `kill -9` does, and read what it had written."""
        os.kill(self.popen.pid, signal.SIGKILL)
        assert self.end() == -signal.SIGKILL

    def family(self) -> dict[int, psutil.Process]:
        """All of its processes that are alive, whoever their parent is by now."""
        found = {}
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                ours = process.environ().get("TMPDIR") == str(self.temporary)
                ours = ours or str(self.temporary) in _command_line(process)
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found[process.pid] = process
        return found

    def children(self, words: str) -> list[psutil.Process]:
        """Those whose command line holds these words."""
        return [process for process in self.family().values() if words in _command_line(process)]

    def assert_nothing_left(self, within_s: float = GONE_S) -> None:
        """Neither a process nor a file; what runs recorded does not count."""
        deadline_s = time.monotonic() + within_s
        while left := [*map(_command_line, self.family().values()), *self.temporary.iterdir()]:
            assert time.monotonic() < deadline_s, f"left after {within_s:g} s: {left}"
            time.sleep(POLL_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave nothing behind."""
        for process in self.family().values():
            with suppress(psutil.Error):
                process.kill()
        self.end()
        shutil.rmtree(self.temporary, ignore_errors=True)


def _command_line(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def _read(stream: IO[str], lines: list[str]) -> None:
    with stream:
        lines.extend(line for line in stream if line.endswith("\n"))
