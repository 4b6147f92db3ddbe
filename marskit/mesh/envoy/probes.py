"""Kubernetes' probes of a replica: one question, and how many answers in a row count."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from marskit.mesh.manifests.workloads import Probe
from marskit.system.free_ports import LOOPBACK
from marskit.system.local_http import HttpClient, HttpError

STALL_S = 0.5
"""A probe that ends this long after its timeout, in seconds, says that this program was held up."""
OPEN_PORT = Probe(None, period_ms=1000)
"""The readiness of a replica without a readiness probe."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The result of one probe."""

    succeeded: bool | None
    """None if it says nothing about the replica."""
    words: str
    """What was asked, and what came."""


async def ask(http: HttpClient, port: int, probe: Probe) -> Answered:
    """Probe the replica at the port once."""
    clock = asyncio.get_running_loop()
    begin_s, timeout_s = clock.time(), probe.timeout_ms / 1000
    if probe.path is None:
        answered = await _connect(port, timeout_s)
    else:
        answered = await _get(http, port, probe, probe.path, timeout_s)
    if not answered.succeeded and clock.time() - begin_s > timeout_s + STALL_S:
        return Answered(None, answered.words)
    return answered


async def _connect(port: int, timeout_s: float) -> Answered:
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError as error:
        return Answered(False, f"its port: {_why(error, timeout_s)}")
    writer.close()
    return Answered(True, "its port is open")


async def _get(http: HttpClient, port: int, probe: Probe, path: str, timeout_s: float) -> Answered:
    url = f"http://{LOOPBACK}:{port}{path}"
    try:
        answer = await http.get(url, headers=dict(probe.headers), timeout_s=timeout_s)
    except HttpError as error:
        return Answered(False, f"GET {path}: {_why(error.__cause__, timeout_s)}")
    # As the kubelet: a redirect is a success, and is not followed.
    return Answered(200 <= answer.status < 400, f"GET {path}: {answer.status}")


def _why(error: BaseException | None, timeout_s: float) -> str:
    return f"no answer within {timeout_s:g} s" if isinstance(error, TimeoutError) else "no connection"


class Verdict:
    """What the last answers amount to: it changes with enough different ones in a row."""

    def __init__(self, probe: Probe, *, passes: bool) -> None:
        self.passes = passes
        self._probe = probe
        self._others = 0

    def changed(self, answered: Answered) -> bool:
        """Count an answer; whether it changed the verdict."""
        if answered.succeeded is None:
            return False
        if answered.succeeded is self.passes:
            self._others = 0
            return False
        self._others += 1
        if self._others < (self._probe.failures if self.passes else self._probe.successes):
            return False
        self.passes, self._others = not self.passes, 0
        return True


class Prober:
    """Asks one process of a replica, again and again."""

    def __init__(self, http: HttpClient, port: int, *, listens: bool) -> None:
        """A replica that does not even listen, as a worker, is ready as long as it runs."""
        self._http = http
        self._port = port
        self._listens = listens

    async def answers(self, probe: Probe, *, pause_s: float | None = None) -> AsyncGenerator[Answered]:
        """Ask once in every period, however long the answers take, or with this pause between two."""
        clock = asyncio.get_running_loop()
        while True:
            begin_s = clock.time()
            yield await self._ask(probe)
            rest_s = begin_s + probe.period_ms / 1000 - clock.time()
            await asyncio.sleep(max(0.0, rest_s) if pause_s is None else pause_s)

    async def success(self, probe: Probe, *, pause_s: float | None = None) -> None:
        """Wait until the probe succeeds; a short pause makes starts fast."""
        verdict = Verdict(probe, passes=False)
        async for answered in self.answers(probe, pause_s=pause_s):
            if verdict.changed(answered):
                return

    async def _ask(self, probe: Probe) -> Answered:
        if probe is OPEN_PORT and not self._listens:
            return Answered(True, "it runs")
        return await ask(self._http, self._port, probe)
