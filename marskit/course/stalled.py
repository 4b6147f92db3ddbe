"""A load test of a server that stalls once, as a careful client records it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

DURATION_S = 30.0
PERIOD_S = 0.02
"""A request is due every 20 ms."""
STALL_S = (10.0, 12.0)
"""The server answers nothing in this time."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, in seconds from the start of the test."""

    due_s: float
    """When it should have been sent."""
    sent_s: float
    """When it was sent: not before the previous one was answered."""
    answered_s: float


def stalled(seed: int = 7) -> tuple[Request, ...]:
    """The requests of a client that sends the next one only after an answer.

    >>> from marskit.course.stalled import stalled
    >>> len(stalled()), stalled() == stalled()
    (1500, True)
    """
    chance = random.Random(seed)
    free_s, requests = 0.0, []
    for number in range(round(DURATION_S / PERIOD_S)):
        due_s = number * PERIOD_S
        sent_s = max(due_s, free_s)
        begun_s = STALL_S[1] if STALL_S[0] <= sent_s < STALL_S[1] else sent_s
        free_s = begun_s + chance.uniform(0.008, 0.012)
        requests.append(Request(due_s, sent_s, free_s))
    return tuple(requests)


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that is at least as large as this share of the values."""
    ordered = sorted(values)
    return ordered[max(1, -(-len(ordered) * percent // 100)) - 1]
