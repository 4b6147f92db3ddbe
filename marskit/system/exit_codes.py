"""The exit codes of the program, as a shell expects them."""

FAILED = 1
"""It failed while running."""
INPUT = 2
"""It was asked for something that cannot be done; nothing was started."""
PIPE = 141
"""Whoever read its output went away."""


def of_signal(number: int) -> int:
    """It was ended by this signal."""
    return 128 + number
