"""Locust as child processes: a single one, or a master with workers.

They listen on no port. Their page and the master's socket are UNIX sockets in a folder that only this user
can enter: on the loopback interface, every user of the machine could drive the load or join as a worker.
"""

import asyncio
import os
import re
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from signal import Signals

from marskit.demo import LOCUSTFILE
from marskit.load.port import LoadError
from marskit.load.scenario import Scenario
from marskit.system.processes import Child, Children

WEB_SOCKET = "web.sock"
"""Name of the socket that serves Locust's page and API; the locustfile makes it."""
_SOCKETS = "MARSKIT_LOCUST_SOCKETS"
"""The variable that gives the locustfile the folder of the sockets."""
_READY_WITHIN_S = 30.0
_POLL_S = 0.05
_GRACE_S = 3.0
_DYING_POLLS = 10
_INFORMATIVE = re.compile(r"[\w.]+(Error|Exception|Exit)\b|\[.*/(ERROR|CRITICAL)/")


class LocustChild:
    """Starts an idle Locust, watches it and ends it."""

    def __init__(self, scenario: Scenario, *, seed: int, workers: int, folder: Path) -> None:
        """Logs and sockets go to `folder`, which is private and disappears with Locust."""
        self._scenario = scenario
        self._seed = seed
        self._workers = workers
        self._folder = folder
        self._children = Children(scratch=folder)
        self._running: list[Child] = []

    @property
    def web_socket(self) -> Path:
        """The UNIX socket of Locust's page and API."""
        return self._folder / WEB_SOCKET

    async def start(self, is_ready: Callable[[], Awaitable[bool]]) -> None:
        """Start Locust and wait until `is_ready` returns true.

        Raises:
            LoadError: It does not start.
            UnsafeFolderError: Its folder could be changed by other users.
        """
        await self._stop_all()
        try:
            self._children.make_scratch()
            await self._launch()
        except OSError as error:
            raise LoadError(f"Locust cannot be started: {error}.") from error
        await self._until_ready(is_ready)

    def failure(self) -> str | None:
        """Why a process ended, in one sentence; None while all run."""
        for child in self._running:
            if child.returncode is not None:
                return f"Locust {_ending(child.returncode)}{_last_words(child.log)}."
        return None

    async def failure_soon(self) -> str | None:
        """Like `failure`, but waits a moment: a dying process stops responding before its end is visible."""
        for _ in range(_DYING_POLLS):
            if failure := self.failure():
                return failure
            await asyncio.sleep(_POLL_S)
        return None

    async def close(self) -> None:
        """End all processes."""
        await self._children.close(grace_s=_GRACE_S)

    async def _launch(self) -> None:
        if self._workers == 0:
            await self._spawn("locust", [])
            return
        workers = ["--expect-workers", str(self._workers)]
        await self._spawn("locust", ["--master", *workers])
        for worker in range(self._workers):
            await self._spawn(f"locust-worker-{worker}", ["--worker", *workers])

    async def _spawn(self, name: str, arguments: list[str]) -> None:
        # -P keeps the working directory off the import path, where a folder named locust may be.
        argv: list[str | Path] = [
            sys.executable,
            "-P",
            "-m",
            "locust",
            "-f",
            LOCUSTFILE,
            "--loglevel",
            "WARNING",
        ]
        env = {key: value for key, value in os.environ.items() if not key.startswith("LOCUST_")}
        env |= {
            "MARSKIT_SCENARIO": str(self._scenario.path),
            "MARSKIT_SEED": str(self._seed),
            _SOCKETS: str(self._folder.absolute()),
        }
        log = self._folder / f"{name}.log"
        log.unlink(missing_ok=True)
        child = await self._children.spawn(name, [*argv, *arguments], env=env, cwd=self._folder, log=log)
        self._running.append(child)

    async def _until_ready(self, is_ready: Callable[[], Awaitable[bool]]) -> None:
        deadline = time.monotonic() + _READY_WITHIN_S
        while not await is_ready():
            if failure := self.failure():
                raise LoadError(failure)
            if time.monotonic() > deadline:
                raise LoadError(f"Locust was not ready within {_READY_WITHIN_S:g} s.")
            await asyncio.sleep(_POLL_S)

    async def _stop_all(self) -> None:
        await asyncio.gather(*(self._children.stop(child, grace_s=_GRACE_S) for child in self._running))
        self._running.clear()


def _ending(returncode: int) -> str:
    return f"was ended by {Signals(-returncode).name}" if returncode < 0 else f"ended with code {returncode}"


def _last_words(log: Path) -> str:
    """The last line of the log that explains the failure."""
    lines = _text(log).splitlines()
    informative = [line.strip() for line in lines if _INFORMATIVE.match(line)] or [
        line.strip() for line in lines if line.strip() and "|" not in line
    ]
    return f": {informative[-1][:300].rstrip('.')}" if informative else ""


def _text(log: Path) -> str:
    """The content of the log; empty once its folder is gone."""
    try:
        return log.read_text(errors="replace")
    except OSError:
        return ""
