from math import sqrt
from random import Random
from statistics import pstdev

import pytest

from marskit.calibration.estimators import middle, pooled, ratio, rise
from marskit.mesh.simulator.card import Fitted


def noisy(random: Random, slope: float, count: int) -> list[tuple[float, float]]:
    """Sums over windows, scattered as sums of so many independent values are."""
    xs = [random.uniform(20, 400) for _ in range(count)]
    return [(x, random.gauss(slope * x, 10 * sqrt(x))) for x in xs]


def test_the_standard_error_of_a_ratio_is_how_far_it_strays() -> None:
    fits = [ratio(noisy(Random(f"{seed}"), 40.0, 30)) for seed in range(1000)]
    strayed = [(fit.value - 40.0) / fit.stderr for fit in fits if fit is not None]
    assert len(strayed) == 1000
    # Student's t with 29 degrees of freedom strays 1.04.
    assert pstdev(strayed, 0.0) == pytest.approx(1.04, abs=0.1)


def test_one_mad_window_does_not_move_a_ratio() -> None:
    rows = noisy(Random(1), 40.0, 30)
    calm, mad = ratio(rows), ratio([*rows, (300.0, 60_000.0)])
    assert mad == calm
    assert calm is not None
    assert calm.n == 30


def test_windows_without_requests_count_for_nothing() -> None:
    assert ratio([(0.0, 0.0)] * 50) is None
    assert ratio([(1.0, 2.0)] * 4 + [(0.0, 1.0)] * 50) is None
    assert ratio([(1.0, 2.0)] * 5) == Fitted(2.0, 0.0, 5)


def test_a_median_needs_a_few_values_and_ignores_a_far_one() -> None:
    assert middle([1.0, 2.0, 3.0, 4.0]) is None
    fitted = middle([1.0, 1.1, 1.2, 1.3, 90.0])
    assert fitted is not None
    assert (fitted.value, fitted.n) == (1.2, 5)
    assert fitted.stderr == pytest.approx(1.2533 * 1.4826 * 0.1 / sqrt(5), rel=1e-3)


def test_the_surer_estimate_weighs_more_and_both_are_surer_together() -> None:
    both = pooled([Fitted(10.0, 1.0, 7), Fitted(16.0, 2.0, 5)])
    assert both is not None
    assert both.value == pytest.approx(11.2)
    assert both.stderr == pytest.approx(sqrt(0.8))
    assert both.n == 12
    assert pooled([]) is None


def starts(random: Random, first: float, share: float, count: int) -> list[tuple[float, float]]:
    """Lengths that scatter by a fifth of themselves."""
    xs = [random.choice((0, 0, 1, 2, 2, 3, 4)) for _ in range(count)]
    return [(float(x), random.gauss(1.0, 0.2) * first * (1.0 + share * x)) for x in xs]


def test_a_rise_comes_back_and_strays_as_far_as_its_standard_error() -> None:
    fits = [rise(starts(Random(f"{seed}"), 0.45, 0.8, 60)) for seed in range(500)]
    strayed = [(fit.value - 0.8) / fit.stderr for fit in fits if fit is not None]
    assert len(strayed) == 500
    assert pstdev(strayed, 0.0) == pytest.approx(1.0, abs=0.15)
    assert sum(strayed) / 500 == pytest.approx(0.0, abs=0.2)


def test_a_rise_is_none_below_nothing_and_needs_points_at_both_ends() -> None:
    falling = rise([(0.0, 1.0)] * 6 + [(1.0, 0.9)] * 6)
    assert falling is not None
    assert falling.value == 0.0
    assert rise([(0.0, 1.0)] * 4 + [(1.0, 2.0)] * 20) is None
    assert rise([(0.0, 1.0)] * 20 + [(1.0, 2.0)] * 4) is None


def test_one_stuck_start_does_not_move_a_rise() -> None:
    rows = starts(Random(2), 0.45, 0.8, 60)
    assert rise([*rows, (0.0, 60.0)]) == rise(rows)
