"""Who sends what when: seeded Poisson arrivals whose rate follows the scenario's curve.

A user's arrivals depend on scenario, seed and the user's number alone, never on how the system answers (open
loop). Locust's users and the simulator read the same streams, so both face the same requests.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from marskit.load.mix import Request
from marskit.load.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request, due at a real second since the scenario's beginning."""

    at_s: float
    request: Request


def user_arrivals(scenario: Scenario, seed: int, user: int) -> Iterator[Arrival]:
    """All arrivals of one user, in order; endless unless the scenario ends at rate 0.

    Users beyond the scenario's pool are as busy as those in it: twice the users are twice the load.
    """
    # Two generators: the choice of requests must not shift the times.
    choices = Random(f"{seed}/{user}/requests")
    weights = tuple(accumulate(request.weight for request in scenario.requests))
    for at_s in _times(scenario, Random(f"{seed}/{user}/times")):
        yield Arrival(at_s, choices.choices(scenario.requests, cum_weights=weights)[0])


def _times(scenario: Scenario, random: Random) -> Iterator[float]:
    """A Poisson process with a changing rate, by thinning one with the highest rate."""
    highest = scenario.peak_rate / scenario.users
    end_s = scenario.duration_s / scenario.speed
    at_s = random.expovariate(highest)
    while at_s < end_s:
        if random.random() * highest < scenario.rate_at(at_s * scenario.speed) / scenario.users:
            yield at_s
        at_s += random.expovariate(highest)
    held = scenario.rate_at(scenario.duration_s) / scenario.users
    at_s = end_s
    while held > 0:
        at_s += random.expovariate(held)
        yield at_s


class ArrivalCounter:
    """Counts the arrivals of all users tick by tick, for whoever needs numbers rather than requests."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self._scenario = scenario
        self._seed = seed
        self._now_s = 0.0
        self._place = {request.name: place for place, request in enumerate(scenario.requests)}
        self._streams: list[Iterator[Arrival]] = []
        self._next: list[Arrival | None] = []

    def count(self, until_s: float, users: int) -> tuple[int, ...]:
        """Arrivals of that many users from the previous call until then, for each request of the mix.

        A user who was absent for a while has missed what was due in the meantime.
        """
        for user in range(len(self._streams), users):
            self._streams.append(user_arrivals(self._scenario, self._seed, user))
            self._next.append(next(self._streams[user], None))
        counts = [0] * len(self._place)
        for user in range(users):
            due = self._next[user]
            while due is not None and due.at_s < until_s:
                if due.at_s >= self._now_s:
                    counts[self._place[due.request.name]] += 1
                due = next(self._streams[user], None)
            self._next[user] = due
        self._now_s = until_s
        return tuple(counts)
