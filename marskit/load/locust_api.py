"""Locust's web API, as far as it is needed: read the totals, change the users."""

from dataclasses import dataclass
from typing import Any

import httpx

_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Totals:
    """What Locust says of itself."""

    state: str
    """Locust's word: ready, spawning, running, stopped..."""
    users: int
    workers: int
    """Connected worker processes."""
    requests: int
    """Answered or failed since the users were started."""
    failures: int


class LocustApi:
    """Asks a Locust at a URL; None means that it did not answer."""

    def __init__(self) -> None:
        # Locust writes head and body apart: on a connection that stays open the body waits 40 ms for an
        # acknowledgement, on one that closes it does not.
        headers = {"connection": "close"}
        self._client = httpx.AsyncClient(trust_env=False, timeout=_TIMEOUT_S, headers=headers)

    async def totals(self, url: str) -> Totals | None:
        """The state and the counters."""
        answer = await self._ask("GET", f"{url}/stats/requests")
        if answer is None:
            return None
        total = answer["stats"][-1]
        return Totals(
            state=answer["state"],
            users=answer["user_count"],
            workers=answer.get("worker_count", 0),
            requests=total["num_requests"],
            failures=total["num_failures"],
        )

    async def swarm(
        self, url: str, *, users: int, host: str, scenario: str, scenario_start: float | None
    ) -> str | None:
        """Set users and scenario at once; return Locust's answer: "Swarming started", or what is wrong."""
        form = {"user_count": str(users), "spawn_rate": str(users), "host": host, "scenario": scenario}
        if scenario_start is not None:
            form["scenario_start"] = repr(scenario_start)
        answer = await self._ask("POST", f"{url}/swarm", form)
        return None if answer is None else str(answer["message"])

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def _ask(self, method: str, url: str, form: dict[str, str] | None = None) -> Any:
        if self._client.is_closed:
            return None
        try:
            answer = await self._client.request(method, url, data=form)
        except httpx.HTTPError:
            return None
        return answer.json() if answer.is_success else None
