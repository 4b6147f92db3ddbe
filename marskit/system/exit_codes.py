"""The exit codes of the program, as a shell expects them."""

FAILED = 1
"""The program failed while running."""
INPUT = 2
"""The input was wrong; nothing was started."""
PIPE = 141
"""The reader of the output went away."""


def of_signal(number: int) -> int:
    """The program was ended by this signal."""
    return 128 + number
