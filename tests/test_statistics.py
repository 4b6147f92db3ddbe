"""The statistics of a comparison, against values worked out by hand."""

import numpy as np
import pytest

from benchmarks.ranks import kendall_tau
from marskit.statistics import (
    estimate,
    interquartile_mean,
    mean_difference,
    pareto_front,
)


def test_the_interquartile_mean_leaves_out_both_outer_quarters() -> None:
    assert interquartile_mean(np.array([100.0, 1.0, 2.0, 3.0])) == pytest.approx(2.5)
    # Of five, the second and the fourth count three quarters of what the third does.
    assert interquartile_mean(np.array([0.0, 1.0, 2.0, 4.0, 90.0])) == pytest.approx(
        (0.75 * 1 + 2 + 0.75 * 4) / 2.5
    )
    assert interquartile_mean(np.array([7.0])) == 7.0


def test_an_interval_holds_its_value_and_narrows_with_more_runs() -> None:
    rng = np.random.default_rng(0)
    few, many = ([rng.normal(5.0, 1.0, n), rng.normal(9.0, 1.0, n)] for n in (5, 80))
    wide, narrow = estimate(few), estimate(many)
    assert wide.low <= wide.value <= wide.high
    assert narrow.high - narrow.low < wide.high - wide.low
    assert (wide.n, narrow.n) == (10, 160)
    assert estimate(few) == wide


def test_a_paired_difference_sees_through_what_both_have_in_common() -> None:
    scenario = np.array([1.0, 50.0, 200.0])
    difference = mean_difference([scenario - 2.0], [scenario])
    assert (difference.value, difference.low, difference.high) == pytest.approx((-2.0, -2.0, -2.0))


def test_the_pareto_front_is_what_nobody_beats() -> None:
    points = {"cheap": (1.0, 9.0), "good": (5.0, 1.0), "worse": (6.0, 1.0), "between": (3.0, 4.0)}
    assert pareto_front(points) == ("cheap", "good", "between")


def test_kendalls_tau() -> None:
    assert kendall_tau([1, 2, 3, 4], [10, 20, 30, 40]) == 1.0
    assert kendall_tau([1, 2, 3, 4], [4, 3, 2, 1]) == -1.0
    # One of six pairs the other way round.
    assert kendall_tau([1, 2, 3, 4], [1, 2, 4, 3]) == pytest.approx(4 / 6)
    assert kendall_tau([1, 1], [1, 2]) == 0.0
