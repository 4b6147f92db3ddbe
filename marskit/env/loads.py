"""Loads to train on: random curves of every shape that scenarios have, and those of given scenarios."""

import numpy as np

from marskit.load.scenario import Scenario
from marskit.mesh.simulator.arrays import Floats

SHAPES = ("steady", "ramp", "diurnal", "spike", "flash-crowd", "on-off", "levels")
STEPS = 4
"""So many rates are drawn for half a period."""


def random_rates(rng: np.random.Generator, n: int, periods: int, lowest: float, highest: float) -> Floats:
    """(2 periods, n) requests per second at the beginning and at the end of every control period, in turn.

    Args:
        rng: Where the randomness comes from.
        n: How many curves.
        periods: Control periods of the episode.
        lowest: No rate is below.
        highest: No rate is above.
    """
    base = _log_uniform(rng, lowest, 0.6 * highest, n)
    peak = rng.uniform(base, highest)
    shapes = rng.integers(len(SHAPES), size=n)
    share = np.empty((2 * periods, n))
    for number in np.unique(shapes):
        of = np.flatnonzero(shapes == number)
        share[:, of] = _halves(_curves(rng, SHAPES[number], len(of), periods))
    # Nobody's users are as smooth as a curve: a slow random walk of a few percent.
    walk = np.cumsum(rng.normal(0.0, rng.uniform(0.0, 0.03, n), (periods, n)), axis=0)
    drift = np.repeat(np.exp(walk - walk.mean(axis=0)), 2, axis=0)
    return np.asarray(np.clip((base + (peak - base) * share) * drift, lowest, highest), np.float64)


def _curves(rng: np.random.Generator, shape: str, n: int, periods: int) -> Floats:
    """(2 STEPS periods, n) random curves of a shape, from 0 to 1."""
    # Finer than periods: a jump in the middle of one is not one at its edge.
    t = (np.arange(2.0 * STEPS * periods)[:, None] + 0.5) / (2 * STEPS)
    begin = rng.uniform(0.0, 0.7, n) * periods
    match shape:
        case "steady":
            return np.broadcast_to(rng.uniform(size=n), (len(t), n))
        case "ramp":
            share = np.clip((t - begin) / _log_uniform(rng, 1.0, max(1.0, 0.6 * periods), n), 0.0, 1.0)
            return np.where(rng.uniform(size=n) < 0.7, share, 1.0 - share)
        case "diurnal":
            cycle = _log_uniform(rng, 8.0, 80.0, n)
            return np.asarray(0.5 * (1.0 + np.cos(2 * np.pi * (t / cycle + rng.uniform(size=n)))))
        case "spike":
            end = begin + _log_uniform(rng, 2.0, max(2.0, 0.6 * periods), n)
            return np.clip(np.minimum(t - begin, end - t) / _log_uniform(rng, 0.1, 3.0, n), 0.0, 1.0)
        case "flash-crowd":
            decay = _log_uniform(rng, 2.0, 20.0, n)
            return np.where(t < begin, 0.0, np.exp(-np.maximum(0.0, t - begin) / decay))
        case "on-off":
            cycle, on = _log_uniform(rng, 5.0, 40.0, n), rng.uniform(0.2, 0.7, n)
            return np.asarray((((t / cycle + rng.uniform(size=n)) % 1.0) < on), np.float64)
        case _:
            # Levels that nothing announces, each for a while.
            changes = rng.uniform(size=(len(t), n)) < 0.5 / STEPS / _log_uniform(rng, 4.0, 40.0, n)
            levels = rng.uniform(size=(len(t) + 1, n))
            return np.take_along_axis(levels, np.cumsum(changes, axis=0), axis=0)


def _log_uniform(rng: np.random.Generator, lowest: float, highest: float, n: int) -> Floats:
    return np.exp(rng.uniform(np.log(lowest), np.log(highest), n))


def _halves(rates: Floats) -> Floats:
    """The mean of every half period, of which the first is taken as its beginning, the second as its end."""
    return np.asarray(rates.reshape(-1, STEPS, rates.shape[1]).mean(axis=1), np.float64)


def scenario_rates(scenario: Scenario, periods: int, period_s: float, factor: float = 1.0) -> Floats:
    """(2 periods,) the scenario's rates at the beginning and the end of every period of `period_s` real s."""
    times = (np.arange(2 * STEPS * periods) + 0.5) / (2 * STEPS) * period_s * scenario.speed
    return _halves(np.array([[scenario.rate_at(t) * factor] for t in times]))[:, 0]
