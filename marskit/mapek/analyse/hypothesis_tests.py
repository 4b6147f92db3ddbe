"""Tests whether one of two samples is worse: exact for counts, by ranks for binned latencies.

Both tests are one-sided and valid for small samples: few requests limit their power, not their level.
"""

from collections import Counter
from math import erfc, exp, lgamma, sqrt

from marskit.domain.metrics import Histogram


def more_failures(failures: int, n: int, control_failures: int, control_n: int) -> float:
    """The p-value of the hypothesis that a sample fails no more often than its control, 0 to 1.

    Fisher's exact test, one-sided: given all failures together, the number among the sample is hypergeometric
    if both fail alike (Fisher 1935, The Design of Experiments). It needs no large numbers and no assumption
    on the rate, and is conservative: with few failures, the error of the first kind is well below the level.

    Args:
        failures: Failures of the sample, 0 to `n`.
        n: Requests of the sample.
        control_failures: Failures of the control, 0 to `control_n`.
        control_n: Requests of the control.
    """
    drawn = failures + control_failures
    whole = _log_choose(n + control_n, drawn)
    most = min(n, drawn)
    terms = (_log_choose(n, k) + _log_choose(control_n, drawn - k) for k in range(failures, most + 1))
    return min(1.0, sum(exp(term - whole) for term in terms if term > float("-inf")))


def slower(latencies: Histogram, control: Histogram, *, by_ms: float, design_effect: float = 1.0) -> float:
    """The p-value of the hypothesis that a sample is slower than its control by at most `by_ms`, 0 to 1.

    The test of Mann and Whitney (1947, Annals of Mathematical Statistics 18) on the middles of the bins, with
    the correction for ties and for continuity; `by_ms` is first subtracted from the sample, which turns the
    null hypothesis of no shift into one of a harmless shift (as in Hodges and Lehmann 1963, ibid. 34). Ranks
    are robust to the shape of latencies and to outliers.

    Args:
        latencies: Latencies of the sample.
        control: Latencies of its control.
        by_ms: Largest harmless shift.
        design_effect: Variance relative to that of independent requests, at least 1: requests that
            meet in one pause or queue are slow together (Kish 1965, Survey Sampling, 8.2).
    """
    ours = Counter[float]()
    theirs = Counter[float]()
    for lower, width, count in latencies.bins:
        ours[lower + width / 2 - by_ms] += count
    for lower, width, count in control.bins:
        theirs[lower + width / 2] += count
    n, m = ours.total(), theirs.total()
    if not n or not m:
        return 1.0
    below, wins, ties = 0, 0.0, 0
    for value in sorted({*ours, *theirs}):
        here = ours[value] + theirs[value]
        wins += ours[value] * (below + theirs[value] / 2)
        below += theirs[value]
        ties += here**3 - here
    both = n + m
    variance = n * m / 12.0 * (both + 1 - ties / (both * (both - 1)))
    if variance <= 0.0:
        return 1.0
    z = (wins - n * m / 2.0 - 0.5) / sqrt(variance * design_effect)
    return 0.5 * erfc(z / sqrt(2.0))


def _log_choose(n: int, k: int) -> float:
    if not 0 <= k <= n:
        return float("-inf")
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
