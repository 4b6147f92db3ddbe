"""Summary statistics over several runs, with their uncertainty.

Interquartile means and stratified bootstrap intervals follow Agarwal et al., "Deep Reinforcement Learning at
the Edge of the Statistical Precipice" (2021): with few seeds, the extremes must not decide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its 95 % confidence interval."""

    value: float
    low: float
    high: float
    n: int


def interquartile_mean(values: Values) -> float:
    """The mean of the middle half, values at its edges counting in part."""
    return float(_interquartile_means(np.asarray(values, np.float64)[None, :])[0])


def estimate(strata: Sequence[Values], *, seed: int = 0) -> Estimate:
    """The interquartile mean over all strata (a scenario each), resampled within every stratum."""
    pooled = np.concatenate(strata)
    means = _interquartile_means(pooled[_resamples(tuple(map(len, strata)), seed)])
    low, high = np.quantile(means, [0.025, 0.975])
    return Estimate(interquartile_mean(pooled), float(low), float(high), len(pooled))


def mean_difference(ours: Sequence[Values], theirs: Sequence[Values], *, seed: int = 0) -> Estimate:
    """The mean of the paired differences (same scenario, same seed), resampled within every stratum."""
    strata = [a - b for a, b in zip(ours, theirs, strict=True)]
    pooled = np.concatenate(strata)
    means = pooled[_resamples(tuple(map(len, strata)), seed)].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Estimate(float(pooled.mean()), float(low), float(high), len(pooled))


def _interquartile_means(rows: Values) -> Values:
    """(k,) of (k, n)."""
    ordered = np.sort(rows, axis=1)
    n = ordered.shape[1]
    edges = np.arange(n + 1) / n
    inside = np.clip(np.minimum(edges[1:], 0.75) - np.maximum(edges[:-1], 0.25), 0.0, None)
    return np.asarray((ordered * inside).sum(axis=1) / inside.sum(), np.float64)


@lru_cache(maxsize=64)
def _resamples(sizes: tuple[int, ...], seed: int) -> NDArray[np.int64]:
    """(RESAMPLES, n) indices into the concatenated strata, each drawn from its own stratum.

    Every figure of the same runs uses the same resamples, so they are drawn once.
    """
    rng = np.random.default_rng(seed)
    starts = [sum(sizes[:k]) for k in range(len(sizes))]
    return np.array(
        [
            np.concatenate(
                [start + rng.integers(0, size, size) for start, size in zip(starts, sizes, strict=True)]
            )
            for _ in range(RESAMPLES)
        ]
    )


def pareto_front(points: Mapping[str, tuple[float, float]]) -> tuple[str, ...]:
    """The points that no other beats in one coordinate without losing in the other; less is better."""
    return tuple(
        name
        for name, (x, y) in points.items()
        if not any(a <= x and b <= y and (a, b) != (x, y) for a, b in points.values())
    )
