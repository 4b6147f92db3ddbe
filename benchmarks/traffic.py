"""Requests for the benchmarks: a fixed number in flight, every outcome counted."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any

import aiohttp

ORDER = {"method": "POST", "path": "/orders", "json": {"item": "book", "quantity": 1, "amount": 10.0}}


class Traffic(AbstractAsyncContextManager["Traffic"]):
    """Sends one kind of request, `at_once` at a time, until told to stop.

    A closed loop: it never has more in flight than that, so latency under overload is not for it to measure.
    """

    def __init__(self, url: str, *, at_once: int, request: Mapping[str, Any] = ORDER) -> None:
        self._url = url + request["path"]
        self._method = request["method"]
        self._json = request.get("json")
        self._at_once = at_once
        self._running = True
        self._tasks: list[asyncio.Task[None]] = []
        self.outcomes: Counter[str] = Counter()
        """How often each status, or each way to get none, came."""
        self.failed_at_s: list[float] = []
        """When requests failed, on `time.monotonic`."""

    async def __aenter__(self) -> "Traffic":
        """Begin."""
        # A client that took the processor from the services would be measured with them.
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._at_once), timeout=aiohttp.ClientTimeout(total=10)
        )
        self._tasks = [asyncio.create_task(self._send()) for _ in range(self._at_once)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let what is in flight end."""
        self._running = False
        await asyncio.gather(*self._tasks)
        await self._client.close()

    @property
    def sent(self) -> int:
        """How many requests ended."""
        return self.outcomes.total()

    @property
    def failed(self) -> int:
        """How many of them did not end with a status below 400."""
        return sum(count for outcome, count in self.outcomes.items() if not outcome.startswith(("2", "3")))

    async def reach(self, count: int) -> None:
        """Wait until that many requests ended."""
        while self.sent < count:  # noqa: ASYNC110 - nothing here is worth an event
            await asyncio.sleep(0.02)

    async def _send(self) -> None:
        while self._running:
            try:
                async with self._client.request(self._method, self._url, json=self._json) as answer:
                    await answer.read()
                outcome, failed = str(answer.status), answer.status >= 400
            except (aiohttp.ClientError, TimeoutError) as error:
                outcome, failed = type(error).__name__, True
            self.outcomes[outcome] += 1
            if failed:
                self.failed_at_s.append(time.monotonic())
