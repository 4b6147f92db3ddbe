"""Loads to train on: random curves of every shape that scenarios have, and those of given scenarios."""

import numpy as np

from marskit.load.scenario import Scenario
from marskit.mesh.simulator.arrays import Floats

SHAPES = ("steady", "ramp", "diurnal", "spike", "flash-crowd", "on-off")


def random_rates(rng: np.random.Generator, periods: int, lowest: float, highest: float) -> Floats:
    """(periods + 1,) requests per second at the beginning of every control period.

    Args:
        rng: Where the randomness comes from.
        periods: Control periods of the episode.
        lowest: No rate is below.
        highest: No rate is above.
    """
    t = np.arange(periods + 1.0)
    base = rng.uniform(lowest, 0.5 * (lowest + highest))
    peak = rng.uniform(base, highest)
    match SHAPES[rng.integers(len(SHAPES))]:
        case "steady":
            share = np.full(periods + 1, rng.uniform())
        case "ramp":
            begin, length = rng.uniform(0, 0.5) * periods, rng.uniform(0.1, 0.6) * periods
            share = np.clip((t - begin) / length, 0.0, 1.0)
            share = share if rng.uniform() < 0.7 else 1.0 - share
        case "diurnal":
            share = 0.5 * (1.0 + np.cos(2 * np.pi * (t / (rng.uniform(0.15, 0.8) * periods) + rng.uniform())))
        case "spike":
            begin, length = rng.uniform(0.05, 0.6) * periods, rng.uniform(0.05, 0.35) * periods
            share = np.clip(np.minimum(t - begin, begin + length - t) / rng.uniform(0.3, 3.0), 0.0, 1.0)
        case "flash-crowd":
            begin, decay = rng.uniform(0.05, 0.7) * periods, rng.uniform(0.03, 0.2) * periods
            share = np.where(t < begin, 0.0, np.exp(-np.maximum(0.0, t - begin) / decay))
        case _:
            cycle, on = rng.uniform(0.05, 0.3) * periods, rng.uniform(0.25, 0.6)
            share = (((t / cycle + rng.uniform()) % 1.0) < on).astype(float)
    # Nobody's users are as smooth as a curve: a slow random walk of a few percent.
    walk = np.cumsum(rng.normal(0.0, rng.uniform(0.0, 0.03), periods + 1))
    rates = (base + (peak - base) * share) * np.exp(walk - walk.mean())
    return np.asarray(np.clip(rates, lowest, highest), np.float64)


def scenario_rates(scenario: Scenario, periods: int, period_s: float, factor: float = 1.0) -> Floats:
    """(periods + 1,) the scenario's rates at the beginning of every period of `period_s` real seconds."""
    times = np.arange(periods + 1) * period_s * scenario.speed
    return np.array([scenario.rate_at(t) * factor for t in times])
