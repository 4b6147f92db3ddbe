"""Quantiles and tails of latencies given by their moments, profile by profile."""

import math

from marskit.mesh.simulator.arrays import Floats
from marskit.mesh.simulator.jit import shared

_TINY = 1e-9


@shared
def tail(x: float, k1: float, k2: float, k3: float) -> float:
    """The probability that a latency with these cumulants exceeds `x`.

    By the gamma distribution with the same moments, in the cube-root form of Wilson and Hilferty (1931).
    """
    sigma = math.sqrt(max(k2, 0.0)) + _TINY
    skew = k3 / (sigma * sigma * sigma)
    d = (x - k1) / sigma
    if skew < 1e-3:
        return 0.5 * math.erfc(d * 0.7071067811865476)
    base = 1.0 + 0.5 * skew * d
    if base <= 0.0:
        return 1.0
    z = 6.0 / skew * (base ** (1.0 / 3.0) - 1.0 + skew * skew / 36.0)
    return 0.5 * math.erfc(z * 0.7071067811865476)


def draw_s(z: float, k1: float, k2: float, k3: float) -> float:
    """The latency for a standard normal `z`: the inverse of `tail`."""
    sigma = math.sqrt(max(k2, 0.0)) + _TINY
    skew = k3 / (sigma * sigma * sigma)
    if skew < 1e-3:
        return k1 + sigma * z
    root = 1.0 + skew * z / 6.0 - skew * skew / 36.0
    return k1 + sigma * 2.0 / skew * (max(root, 0.0) ** 3 - 1.0)


@shared
def slow(x: float, moments: Floats, first: int, last: int, i: int) -> float:
    """The number of successes of the profiles `first` to `last` that took longer than `x` seconds.

    `moments` is (P, 4, N): count, and the sums of latency, squared and cubed.
    """
    count = 0.0
    for f in range(first, last):
        m0 = moments[f, 0, i]
        if m0 > 0.0:
            m1, m2, m3 = moments[f, 1, i] / m0, moments[f, 2, i] / m0, moments[f, 3, i] / m0
            count += m0 * tail(x, m1, m2 - m1 * m1, m3 - 3.0 * m1 * m2 + 2.0 * m1 * m1 * m1)
    return count


@shared
def quantile(q: float, moments: Floats, first: int, last: int, i: int) -> float:
    """The q-quantile in seconds of the successes of the profiles `first` to `last`; see `slow`."""
    allowed = 0.0
    for f in range(first, last):
        allowed += (1.0 - q) * moments[f, 0, i]
    low, high = 0.0, 1e-3
    while slow(high, moments, first, last, i) > allowed and high < 1e4:
        high *= 2.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        if slow(middle, moments, first, last, i) > allowed:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)
