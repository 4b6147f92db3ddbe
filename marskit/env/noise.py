"""Random numbers in compiled code: one stream per mesh, so that meshes are independent."""

import math

import numpy as np
from numpy.typing import NDArray

from marskit.mesh.simulator.jit import inline

_TO_UNIT = 1.1102230246251565e-16
"""2^-53."""


@inline
def uniform(noise: NDArray[np.uint64], i: int) -> float:
    """A number from 0 to 1, of stream `i` (xorshift64, Marsaglia 2003), whose state is never 0."""
    x = noise[i]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    noise[i] = x
    return float(x >> np.uint64(11)) * _TO_UNIT


@inline
def between(noise: NDArray[np.uint64], i: int, lowest: float, highest: float) -> float:
    """A uniform random number between two bounds."""
    return lowest + uniform(noise, i) * (highest - lowest)


@inline
def log_between(noise: NDArray[np.uint64], i: int, lowest: float, highest: float) -> float:
    """A positive log-uniform random number between two bounds."""
    return math.exp(between(noise, i, math.log(lowest), math.log(highest)))


@inline
def normal(noise: NDArray[np.uint64], i: int) -> float:
    """An approximately normal number with mean 0 and variance 1: the sum of four uniform ones."""
    total = 0.0
    for _ in range(4):
        total += uniform(noise, i)
    return (total - 2.0) * 1.7320508075688772


@inline
def weibull(drawn: float, spread: float) -> float:
    """A positive random number with mean 1, from Weibull's distribution.

    Its shape is the usual power of the coefficient of variation (Justus et al. 1978), which holds up to 1;
    for 2 it gives 2.4, and never more than 8.3, which is a shape of 1/4.

    Args:
        drawn: Uniform from 0 to 1.
        spread: The desired coefficient of variation.
    """
    shape = max(0.25, min(20.0, max(spread, 0.01) ** -1.086))
    return float((-math.log(1.0 - drawn)) ** (1.0 / shape) / math.gamma(1.0 + 1.0 / shape))
