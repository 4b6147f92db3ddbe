"""Loads to train on: of every shape, reproducible, and none depending on another."""

import numpy as np

from marskit.env.loads import SHAPES
from tests.env.drawn import random_rates


def test_the_same_seed_draws_the_same_loads() -> None:
    first, again = (random_rates(np.random.default_rng(5), 50, 30, 8.0, 190.0) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (first != random_rates(np.random.default_rng(6), 50, 30, 8.0, 190.0)).mean() > 0.9


def test_loads_are_of_every_kind() -> None:
    rates = random_rates(np.random.default_rng(1), 2000, 180, 8.0, 190.0)
    # Sizes are as likely small as large: the median of the base, log-uniform from 8 to 114, is 30.
    assert 25.0 < np.median(rates.min(axis=0)) < 40.0
    swings = rates.max(axis=0) / rates.min(axis=0)
    # A seventh is steady but for its walk; another part rises manifold.
    assert 0.5 / len(SHAPES) < (swings < 1.35).mean() < 2.0 / len(SHAPES)
    assert (swings > 5.0).mean() > 0.2
