"""The loads that episodes draw, many at once."""

import numpy as np
from numpy.typing import NDArray

from marskit.env.loads import draw_rates
from marskit.mesh.simulator.arrays import Floats
from marskit.mesh.simulator.jit import jit


@jit
def _draw(noise: NDArray[np.uint64], lowest: float, highest: float, rates: Floats) -> None:
    walk = np.empty(rates.shape[0] // 2)
    for i in range(rates.shape[1]):
        draw_rates(noise, i, lowest, highest, walk, rates)


def random_rates(rng: np.random.Generator, n: int, periods: int, lowest: float, highest: float) -> Floats:
    """(2 periods, n) requests per second in the halves of every control period, in turn.

    Args:
        rng: Where the randomness comes from.
        n: How many curves.
        periods: Control periods of the episode.
        lowest: No rate is below.
        highest: No rate is above.
    """
    rates = np.empty((2 * periods, n))
    _draw(rng.integers(1, 2**63, n).astype(np.uint64), lowest, highest, rates)
    return rates
