"""What chance makes of a control period: the fast engine knows means, a monitor sees so many requests.

The sizes are those that the request-level engine shows in windows of two periods at constant loads; see
`tests/env/test_chance.py`.
"""

import math

import numpy as np
from numpy.typing import NDArray

from marskit.env.noise import normal, uniform, weibull
from marskit.mesh.simulator.jit import inline

_BY_CHANCE = 12.0
"""So many requests wait by chance at most; a longer queue is a backlog, and the longer the less by chance."""
_CLUSTER = 1.5
"""Slow requests come in clusters of this times the square of how many wait, as long as busy periods are."""
_SATURATED = 0.99
"""From this utilisation on it does not vary any more."""
_NOTHING = 0.02
"""A mean below which there is none to be found."""


@inline
def by_chance(waiting: float) -> float:
    """How many of the requests that wait in the mean do so because arrivals and service vary."""
    return waiting if waiting <= _BY_CHANCE else _BY_CHANCE * _BY_CHANCE / waiting


@inline
def found_waiting(noise: NDArray[np.uint64], i: int, waiting: float) -> float:
    """How many a single look finds: by chance, geometrically many."""
    drawn = uniform(noise, i)
    if waiting < _NOTHING:
        return 0.0
    chance = by_chance(waiting)
    return float(math.floor(waiting - chance - chance * math.log(1.0 - drawn)))


@inline
def found_busy(
    noise: NDArray[np.uint64], i: int, busy: float, more: float, cv2: float, requests: float
) -> float:
    """The utilisation seen: as many more requests as came, each of its own service time.

    Args:
        noise: The streams of random numbers.
        i: The mesh.
        busy: The mean.
        more: The share of requests that came above the mean.
        cv2: Squared coefficient of variation of the service time.
        requests: How many came in the mean.
    """
    apart = normal(noise, i) * math.sqrt(cv2 / max(requests, 1.0))
    return busy if busy >= _SATURATED else min(1.0, max(0.0, busy * (1.0 + more + apart)))


@inline
def found_late(noise: NDArray[np.uint64], i: int, late: float, good: float, squares: float) -> float:
    """How many of the successes were slow.

    Args:
        noise: The streams of random numbers.
        i: The mesh.
        late: The mean, not above `good`.
        good: All successes.
        squares: Sum over the stations of the square of how many wait there by chance.
    """
    drawn = uniform(noise, i)
    if late < _NOTHING:
        return 0.0
    at_once = 1.0 + _CLUSTER * squares
    return min(good, late * weibull(drawn, math.sqrt(at_once * max(0.0, 1.0 - late / good) / late)))
