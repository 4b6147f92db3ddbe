"""From a value to a place in a drawing."""

from collections.abc import Callable


def linear(low: float, high: float, begin: float, end: float) -> Callable[[float], float]:
    """`low` is drawn at `begin` and `high` at `end`."""
    span = (high - low) or 1.0
    return lambda value: begin + (value - low) / span * (end - begin)
