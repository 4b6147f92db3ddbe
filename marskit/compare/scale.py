"""Maps values to positions in a plot."""

from collections.abc import Callable


def linear(low: float, high: float, begin: float, end: float) -> Callable[[float], float]:
    """A function that maps `low` to `begin` and `high` to `end`."""
    span = (high - low) or 1.0
    return lambda value: begin + (value - low) / span * (end - begin)
