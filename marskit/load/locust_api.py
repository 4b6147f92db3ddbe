"""The needed part of Locust's web API: read the totals, change the users."""

from dataclasses import dataclass
from pathlib import Path

from marskit.domain.load import ClientCounts
from marskit.load.client_counter import from_plain
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
    counts: ClientCounts
    """All requests since this Locust began."""


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
            answer = await self._client.get(f"{_URL}/marskit/counts")
        except HttpError:
            return None
        if not answer.is_success:
            return None
        found = answer.json()
        return LocustTotals(
            state=found["state"],
            users=found["users"],
            workers=found["workers"],
            counts=from_plain(found["counts"]),
        )

    async def swarm(
        self,
        *,
        users: int,
        host: str,
        scenario: str,
        scenario_start: float | None,
        counted_s: float = 0.0,
    ) -> str | None:
        """Set users and scenario; returns Locust's response: "Swarming started", or an error.

        Args:
            users: Number of users.
            host: URL of the gateway.
            scenario: Path of the scenario.
            scenario_start: Unix time of the scenario's beginning; None is as before.
            counted_s: Seconds since then up to which an earlier Locust has counted what was due; above 0, the
                scenario goes on at its present point, and what was due in between counts as not sent.
        """
        form = {"user_count": str(users), "spawn_rate": str(users), "host": host, "scenario": scenario}
        if scenario_start is not None:
            form["scenario_start"] = repr(scenario_start)
            form["scenario_counted"] = repr(counted_s)
        try:
            answer = await self._client.post_form(f"{_URL}/swarm", form)
        except HttpError:
            return None
        return str(answer.json()["message"]) if answer.is_success else f"status {answer.status}"

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
