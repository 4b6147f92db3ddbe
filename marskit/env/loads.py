"""Loads to train on: random curves of every shape that scenarios have, and those of given scenarios."""

import numpy as np

from marskit.load.scenario import Scenario
from marskit.mesh.simulator.arrays import Floats

SHAPES = ("steady", "ramp", "diurnal", "spike", "flash-crowd", "on-off", "levels")
STEPS = 4
"""So many rates are drawn for half a period."""


def random_rates(rng: np.random.Generator, periods: int, lowest: float, highest: float) -> Floats:
    """(2 periods,) requests per second at the beginning and at the end of every control period, in turn.

    Args:
        rng: Where the randomness comes from.
        periods: Control periods of the episode.
        lowest: No rate is below.
        highest: No rate is above.
    """
    # Finer than periods: a jump in the middle of one is not one at its edge.
    t = (np.arange(2.0 * STEPS * periods) + 0.5) / (2 * STEPS)
    base = _log_uniform(rng, lowest, 0.6 * highest)
    peak = rng.uniform(base, highest)
    begin = rng.uniform(0.0, 0.7) * periods
    match SHAPES[rng.integers(len(SHAPES))]:
        case "steady":
            share = np.full(len(t), rng.uniform())
        case "ramp":
            share = np.clip((t - begin) / _log_uniform(rng, 1.0, 0.6 * periods), 0.0, 1.0)
            share = share if rng.uniform() < 0.7 else 1.0 - share
        case "diurnal":
            share = 0.5 * (1.0 + np.cos(2 * np.pi * (t / _log_uniform(rng, 8.0, 80.0) + rng.uniform())))
        case "spike":
            end, edge = begin + _log_uniform(rng, 2.0, 0.6 * periods), _log_uniform(rng, 0.1, 3.0)
            share = np.clip(np.minimum(t - begin, end - t) / edge, 0.0, 1.0)
        case "flash-crowd":
            decay = _log_uniform(rng, 2.0, 20.0)
            share = np.where(t < begin, 0.0, np.exp(-np.maximum(0.0, t - begin) / decay))
        case "on-off":
            cycle, on = _log_uniform(rng, 5.0, 40.0), rng.uniform(0.2, 0.7)
            share = (((t / cycle + rng.uniform()) % 1.0) < on).astype(float)
        case _:
            # Levels that nothing announces, each for a while.
            changes = rng.uniform(size=len(t)) < 0.5 / STEPS / _log_uniform(rng, 4.0, 40.0)
            share = rng.uniform(size=len(t) + 1)[np.cumsum(changes)]
    # Nobody's users are as smooth as a curve: a slow random walk of a few percent.
    walk = np.repeat(np.cumsum(rng.normal(0.0, rng.uniform(0.0, 0.03), periods)), 2 * STEPS)
    rates = (base + (peak - base) * share) * np.exp(walk - walk.mean())
    return _halves(np.clip(rates, lowest, highest))


def _log_uniform(rng: np.random.Generator, lowest: float, highest: float) -> float:
    return float(np.exp(rng.uniform(np.log(lowest), np.log(highest))))


def _halves(rates: Floats) -> Floats:
    """The mean of every half period, of which the first is taken as its beginning, the second as its end."""
    return np.asarray(rates.reshape(-1, STEPS).mean(axis=1), np.float64)


def scenario_rates(scenario: Scenario, periods: int, period_s: float, factor: float = 1.0) -> Floats:
    """(2 periods,) the scenario's rates at the beginning and the end of every period of `period_s` real s."""
    times = (np.arange(2 * STEPS * periods) + 0.5) / (2 * STEPS) * period_s * scenario.speed
    return _halves(np.array([scenario.rate_at(t) * factor for t in times]))
