"""HTTP requests to our own processes on this machine: many per second, so each must be cheap."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import aiohttp

TIMEOUT_S = 2.0


class HttpError(Exception):
    """No response arrived."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is a success."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body as JSON; raises ValueError if it is not JSON."""
        return json.loads(self.body)


class HttpClient:
    """Keeps connections open between requests by default; must be created and closed on one event loop.

    It ignores proxies from the environment, which are for other hosts.
    """

    def __init__(self, *, keep_alive: bool = True, socket: Path | None = None) -> None:
        """Prepare requests.

        Args:
            keep_alive: Whether connections stay open between requests.
            socket: A UNIX socket that all requests go to, whatever host their URLs name; None for TCP.
        """
        self._keep_alive = keep_alive
        self._socket = socket
        self._closed = False
        self._opened: aiohttp.ClientSession | None = None

    async def get(
        self, url: str, *, headers: Mapping[str, str] | None = None, timeout_s: float = TIMEOUT_S
    ) -> Answer:
        """Send a GET request; raises `HttpError` if no response arrives in time."""
        return await self._request("GET", url, headers=headers, timeout=self._timeout(timeout_s))

    async def post_form(self, url: str, form: Mapping[str, str]) -> Answer:
        """Send a form; raises `HttpError` if no response arrives in time."""
        return await self._request("POST", url, data=form)

    async def put_json(self, url: str, body: object, *, headers: Mapping[str, str] | None = None) -> Answer:
        """Send JSON; raises `HttpError` if no response arrives in time."""
        return await self._request("PUT", url, json=body, headers=headers)

    async def close(self) -> None:
        """Close all connections."""
        self._closed = True
        if self._opened is not None:
            await self._opened.close()

    async def _request(self, method: str, url: str, **options: Any) -> Answer:
        if self._closed:
            raise HttpError("the client is closed")
        import aiohttp

        try:
            async with self._session().request(method, url, allow_redirects=False, **options) as answer:
                return Answer(answer.status, answer.headers, await answer.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise HttpError(str(error) or type(error).__name__) from error

    def _session(self) -> "aiohttp.ClientSession":
        """Opened with the first request, because its package is slow to load."""
        import aiohttp

        if self._opened is None:
            closes = not self._keep_alive
            self._opened = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=closes)
                if self._socket is None
                else aiohttp.UnixConnector(str(self._socket), force_close=closes),
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._opened

    @staticmethod
    def _timeout(seconds: float) -> "aiohttp.ClientTimeout":
        import aiohttp

        return aiohttp.ClientTimeout(total=seconds)
