"""Quantiles of a latency from its first three moments."""

import math

import numpy as np
import pytest

from marskit.mesh.simulator.latency import draw_s, tail
from tests.mesh.simulator.moments import quantile_s


def exponential(mean: float, count: float = 1.0) -> list[float]:
    return [count, count * mean, count * 2 * mean**2, count * 6 * mean**3]


@pytest.mark.parametrize("q", [0.5, 0.9, 0.95, 0.99])
def test_of_an_exponential_latency_within_three_percent(q: float) -> None:
    moments = np.array([exponential(0.1)])
    assert quantile_s(q, moments) == pytest.approx(-0.1 * math.log(1 - q), rel=0.03)


@pytest.mark.parametrize("z", [-1.5, 0.0, 1.0, 2.5])
@pytest.mark.parametrize("skew", [0.0, 0.5, 1.5])
def test_drawing_is_the_inverse_of_the_tail(z: float, skew: float) -> None:
    cumulants = (0.2, 0.0025, skew * 0.05**3)
    drawn = draw_s(z, *cumulants)
    assert tail(drawn, *cumulants) == pytest.approx(0.5 * math.erfc(z / math.sqrt(2)), abs=1e-6)


def test_of_two_kinds_of_answers_it_is_that_of_their_mixture() -> None:
    # Nine in ten take 100 ms, one takes 10 ms, both with next to no variance.
    fast, slow = (np.array([n, n * t, n * t * t, n * t**3]) for n, t in ((1.0, 0.01), (9.0, 0.1)))
    moments = np.stack([fast, slow])
    assert quantile_s(0.05, moments) == pytest.approx(0.01, rel=0.01)
    assert quantile_s(0.5, moments) == pytest.approx(0.1, rel=0.01)


def test_without_a_success_there_is_none() -> None:
    assert math.isnan(quantile_s(0.95, np.zeros((2, 4))))
