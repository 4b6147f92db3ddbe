"""Loads to train on: random curves of every scenario shape, and those of given scenarios."""

import math

import numpy as np
from numpy.typing import NDArray

from marskit.env.noise import between, log_between, normal, uniform
from marskit.load.scenario import Scenario
from marskit.mesh.simulator.arrays import Floats
from marskit.mesh.simulator.jit import inline

SHAPES = ("steady", "ramp", "diurnal", "spike", "flash-crowd", "on-off", "levels")
_STEADY, _RAMP, _DIURNAL, _SPIKE, _FLASH_CROWD, _ON_OFF, _LEVELS = range(7)
STEPS = 4
"""Number of rates drawn for half a period, so that a jump need not be at the edge of a period."""


@inline
def draw_rates(
    noise: NDArray[np.uint64], i: int, lowest: float, highest: float, walk: Floats, rates: Floats
) -> None:
    """Draw column `i` of (2 periods, N) `rates`; no rate is below `lowest` or above `highest`.

    Args:
        noise: (N,) streams of random numbers.
        i: The mesh.
        lowest: Requests per second.
        highest: Requests per second.
        walk: (periods,) working space.
        rates: Requests per second in the first and in the second half of every control period, in turn.
    """
    base = log_between(noise, i, lowest, 0.6 * highest)
    peak = between(noise, i, base, highest)
    _draw_curve(noise, i, rates)
    # Real users are not as smooth as a curve: add a slow random walk of a few percent.
    strength = between(noise, i, 0.0, 0.03)
    at = mean = 0.0
    for period in range(walk.shape[0]):
        at += strength * normal(noise, i)
        walk[period] = at
        mean += at / walk.shape[0]
    for period in range(walk.shape[0]):
        drift = math.exp(walk[period] - mean)
        for half in (2 * period, 2 * period + 1):
            rate = (base + (peak - base) * rates[half, i]) * drift
            rates[half, i] = min(highest, max(lowest, rate))


@inline
def _draw_curve(noise: NDArray[np.uint64], i: int, curve: Floats) -> None:
    """Draw a random curve of a random shape, from 0 to 1, into column `i` of (2 periods, N) `curve`."""
    halves = curve.shape[0]
    periods = 0.5 * halves
    shape = min(len(SHAPES) - 1, int(uniform(noise, i) * len(SHAPES)))
    begin = between(noise, i, 0.0, 0.7) * periods
    phase = uniform(noise, i)
    end, length, level, turned = 0.0, 1.0, uniform(noise, i), False
    if shape == _RAMP:
        length = log_between(noise, i, 1.0, max(1.0, 0.6 * periods))
        turned = uniform(noise, i) > 0.7
    elif shape == _DIURNAL:
        length = log_between(noise, i, 8.0, 80.0)
    elif shape == _SPIKE:
        end = begin + log_between(noise, i, 2.0, max(2.0, 0.6 * periods))
        length = log_between(noise, i, 0.1, 3.0)
    elif shape == _FLASH_CROWD:
        length = log_between(noise, i, 2.0, 20.0)
    elif shape == _ON_OFF:
        length = log_between(noise, i, 5.0, 40.0)
        level = between(noise, i, 0.2, 0.7)
    elif shape == _LEVELS:
        # Unannounced levels, each for a while.
        length = log_between(noise, i, 4.0, 40.0)
    for half in range(halves):
        total = 0.0
        for step in range(STEPS):
            t = 0.5 * (half + (step + 0.5) / STEPS)
            if shape == _STEADY:
                share = level
            elif shape == _RAMP:
                share = min(1.0, max(0.0, (t - begin) / length))
                share = 1.0 - share if turned else share
            elif shape == _DIURNAL:
                share = 0.5 * (1.0 + math.cos(2.0 * math.pi * (t / length + phase)))
            elif shape == _SPIKE:
                share = min(1.0, max(0.0, min(t - begin, end - t) / length))
            elif shape == _FLASH_CROWD:
                share = math.exp(-(t - begin) / length) if t >= begin else 0.0
            elif shape == _ON_OFF:
                share = 1.0 if (t / length + phase) % 1.0 < level else 0.0
            else:
                if uniform(noise, i) < 0.5 / STEPS / length:
                    level = uniform(noise, i)
                share = level
            total += share
        curve[half, i] = total / STEPS


def scenario_rates(scenario: Scenario, periods: int, period_s: float, factor: float = 1.0) -> Floats:
    """(2 periods,) the scenario's mean rates in the halves of every period of `period_s` real s."""
    times = (np.arange(2 * STEPS * periods) + 0.5) / (2 * STEPS) * period_s * scenario.speed
    rates = np.array([scenario.rate_at(t) * factor for t in times])
    return np.asarray(rates.reshape(-1, STEPS).mean(axis=1), np.float64)
