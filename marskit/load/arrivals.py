"""Seeded Poisson arrivals whose rate follows the scenario's curve.

A user's arrivals depend only on scenario, seed and the user's number, never on the system's responses (open
loop). Locust's users and the simulator read the same streams, so both send the same requests.
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

    Users beyond the scenario's pool send as much as those in it: twice the users are twice the load.
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
