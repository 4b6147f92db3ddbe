"""Random variation within a control period: the fast engine computes means, a monitor counts requests.

Its size matches the request-level engine's in windows of two periods at constant loads; see
`tests/env/test_chance.py`.
"""

import math

import numpy as np
from numpy.typing import NDArray

from marskit.env.noise import normal, uniform, weibull
from marskit.mesh.simulator.jit import inline

_BY_CHANCE = 12.0
"""Queue length up to which waiting is treated as random variation; beyond it, increasingly as backlog."""
_CLUSTER = 1.5
"""Size of clusters of slow requests, as a multiple of the squared number of waiting requests."""
_SATURATED = 0.99
"""Utilisation above which utilisation no longer varies."""
_NOTHING = 0.02
"""Mean below which a sample always finds none waiting."""


@inline
def by_chance(waiting: float) -> float:
    """The part of the mean number of waiting requests that is due to random variation."""
    return waiting if waiting <= _BY_CHANCE else _BY_CHANCE * _BY_CHANCE / waiting


@inline
def found_waiting(noise: NDArray[np.uint64], i: int, waiting: float) -> float:
    """The number that a single sample finds waiting, with a geometrically distributed random part."""
    drawn = uniform(noise, i)
    if waiting < _NOTHING:
        return 0.0
    chance = by_chance(waiting)
    return float(math.floor(waiting - chance - chance * math.log(1.0 - drawn)))


@inline
def found_busy(
    noise: NDArray[np.uint64], i: int, busy: float, more: float, cv2: float, requests: float
) -> float:
    """The observed utilisation, which varies with the number of requests and their service times.

    Args:
        noise: The streams of random numbers.
        i: The mesh.
        busy: The mean utilisation.
        more: Share by which the number of requests exceeds the mean.
        cv2: Squared coefficient of variation of the service time.
        requests: Mean number of requests.
    """
    apart = normal(noise, i) * math.sqrt(cv2 / max(requests, 1.0))
    return busy if busy >= _SATURATED else min(1.0, max(0.0, busy * (1.0 + more + apart)))


@inline
def found_late(noise: NDArray[np.uint64], i: int, late: float, good: float, squares: float) -> float:
    """The observed number of slow successes.

    Args:
        noise: The streams of random numbers.
        i: The mesh.
        late: The mean number, at most `good`.
        good: All successes.
        squares: Sum over the stations of the squared number that wait by chance.
    """
    drawn = uniform(noise, i)
    if late < _NOTHING:
        return 0.0
    at_once = 1.0 + _CLUSTER * squares
    return min(good, late * weibull(drawn, math.sqrt(at_once * max(0.0, 1.0 - late / good) / late)))
