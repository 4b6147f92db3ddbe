"""Robust estimates with standard errors."""

from collections.abc import Sequence
from math import pi, sqrt
from statistics import fmean, median

import numpy as np

from marskit.domain.baselines import MAD_TO_SIGMA
from marskit.mesh.simulator.card import Fitted

LEAST = 5
"""Smallest number of values for a fit; fewer do not show their scatter."""
OUTLIER = 4.0
"""Distance from the middle, in robust standard deviations, beyond which a value is ignored."""
_ROUNDS = 10
_SHORTEST = 1e-3


def ratio(totals: Sequence[tuple[float, float]]) -> Fitted | None:
    """The slope through the origin of `y` over `x`, both totals over a window: `(x, y)` for each.

    Counts scatter with the root of their mean, so weighted least squares gives each window the weight 1/x,
    and the slope is the sum of y over the sum of x (the ratio estimator: Cochran, Sampling Techniques, 1977).
    """
    kept = [(x, y) for x, y in totals if x > 0]
    for _ in range(_ROUNDS):
        if len(kept) < LEAST:
            return None
        slope = sum(y for _, y in kept) / sum(x for x, _ in kept)
        inside = _inliers([(y - slope * x) / sqrt(x) for x, y in kept])
        if len(inside) == len(kept):
            break
        kept = [kept[index] for index in inside]
    if len(kept) < LEAST:
        return None
    total = sum(x for x, _ in kept)
    slope = sum(y for _, y in kept) / total
    spread = sum((y - slope * x) ** 2 / x for x, y in kept) / (len(kept) - 1)
    return Fitted(slope, sqrt(spread / total), len(kept))


def middle(values: Sequence[float]) -> Fitted | None:
    """The median, with the standard error of the median of normal values."""
    if len(values) < LEAST:
        return None
    value = median(values)
    deviation = MAD_TO_SIGMA * median(abs(each - value) for each in values)
    return Fitted(value, sqrt(pi / 2) * deviation / sqrt(len(values)), len(values))


def rise(points: Sequence[tuple[float, float]]) -> Fitted | None:
    """The relative rise of a line through `(x, y)` per x, as a share of its value at 0; at least 0.

    The scatter of y is taken as proportional to y: weighted least squares, with weights from the previous
    line (iteratively reweighted; Carroll & Ruppert, Transformation and Weighting in Regression, 1988). The
    standard error is that of a quotient of slope and intercept by the delta method.

    None with fewer than `LEAST` points at 0 or fewer than that beyond.
    """
    kept = list(points)
    for _ in range(_ROUNDS):
        if min(sum(x == 0 for x, _ in kept), sum(x > 0 for x, _ in kept)) < LEAST:
            return None
        at = np.array([(1.0, x) for x, _ in kept])
        y = np.array([y for _, y in kept])
        weights = np.ones(len(kept))
        for _ in range(_ROUNDS):
            normal = at.T @ (weights[:, None] * at)
            line = np.linalg.solve(normal, at.T @ (weights * y))
            weights = np.maximum(at @ line, _SHORTEST) ** -2
        inside = _inliers(np.sqrt(weights) * (y - at @ line))
        if len(inside) == len(kept):
            break
        kept = [kept[index] for index in inside]
    first, slope = (float(each) for each in line)
    if first <= _SHORTEST:
        return None
    scatter = float(np.sum(weights * (y - at @ line) ** 2)) / (len(kept) - 2)
    covariance = scatter * np.linalg.inv(at.T @ (weights[:, None] * at))
    gradient = np.array([-slope / first**2, 1.0 / first])
    return Fitted(max(0.0, slope / first), sqrt(float(gradient @ covariance @ gradient)), len(kept))


def inlying_rows(rows: Sequence[tuple[float, ...]]) -> list[int]:
    """The indices of the rows without an outlier in any column."""
    kept = list(range(len(rows)))
    for column in zip(*rows, strict=True):
        inside = set(_inliers(column))
        kept = [index for index in kept if index in inside]
    return kept


def pooled(fits: Sequence[Fitted]) -> Fitted | None:
    """Estimates of the same number combined, each weighted by the inverse of its variance."""
    if not fits:
        return None
    if any(fit.stderr == 0 for fit in fits):
        return Fitted(fmean(fit.value for fit in fits), 0.0, sum(fit.n for fit in fits))
    weights = [fit.stderr**-2 for fit in fits]
    value = sum(w * fit.value for w, fit in zip(weights, fits, strict=True)) / sum(weights)
    return Fitted(value, sum(weights) ** -0.5, sum(fit.n for fit in fits))


def _inliers(values: Sequence[float]) -> list[int]:
    centre = median(values)
    deviation = MAD_TO_SIGMA * median(abs(value - centre) for value in values)
    # Without any scatter, nothing is an outlier.
    limit = OUTLIER * deviation or float("inf")
    return [index for index, value in enumerate(values) if abs(value - centre) <= limit]
