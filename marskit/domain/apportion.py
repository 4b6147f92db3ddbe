"""Whole parts in proportion to weights: of replicas, of percents."""

from collections.abc import Sequence


def apportion(total: int, weights: Sequence[int]) -> tuple[int, ...]:
    """`total` in whole parts in proportion to the weights, by largest remainder; evenly when all are 0.

    Of equal remainders the first is rounded up.
    """
    if not any(weights):
        weights = [1] * len(weights)
    whole = sum(weights)
    parts = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: -(total * weights[i] % whole))
    for i in by_remainder[: total - sum(parts)]:
        parts[i] += 1
    return tuple(parts)
