"""The needed part of Locust's web API: read the totals, change the users."""

from dataclasses import dataclass
from pathlib import Path

from marskit.system.local_http import HttpClient, HttpError

_URL = "http://locust"


@dataclass(frozen=True, slots=True)
class LocustTotals:
    """Locust's own report."""

    state: str
    """Locust's state: ready, spawning, running, stopped..."""
    users: int
    workers: int
    """Connected worker processes."""
    requests: int
    """Responses and failures since the users were started."""
    failures: int


class LocustApi:
    """Talks to Locust; None means that it did not respond."""

    def __init__(self, socket: Path) -> None:
        """Talk to the Locust behind this UNIX socket."""
        # Locust writes head and body separately: on a connection that stays open the body waits 40 ms for an
        # acknowledgement, on one that closes it does not.
        self._client = HttpClient(keep_alive=False, socket=socket)

    async def totals(self) -> LocustTotals | None:
        """The state and the counters."""
        try:
            answer = await self._client.get(f"{_URL}/stats/requests")
        except HttpError:
            return None
        if not answer.is_success:
            return None
        found = answer.json()
        total = found["stats"][-1]
        return LocustTotals(
            state=found["state"],
            users=found["user_count"],
            workers=found.get("worker_count", 0),
            requests=total["num_requests"],
            failures=total["num_failures"],
        )

    async def swarm(
        self, *, users: int, host: str, scenario: str, scenario_start: float | None
    ) -> str | None:
        """Set users and scenario; returns Locust's response: "Swarming started", or an error."""
        form = {"user_count": str(users), "spawn_rate": str(users), "host": host, "scenario": scenario}
        if scenario_start is not None:
            form["scenario_start"] = repr(scenario_start)
        try:
            answer = await self._client.post_form(f"{_URL}/swarm", form)
        except HttpError:
            return None
        return str(answer.json()["message"]) if answer.is_success else f"status {answer.status}"

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
