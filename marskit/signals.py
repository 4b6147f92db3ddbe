"""Ending by signal as by any other way: through the same clean stop."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def first_signal(act: Callable[[int], None]) -> Iterator[None]:
    """Call `act` with the number of the first SIGINT or SIGTERM; a second one ends the program at once.

    `act` must not raise: an exception out of nowhere can leave Python's import lock taken for ever.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        for each in _NUMBERS:
            signal.signal(each, signal.SIG_DFL)
        act(number)

    before = {number: signal.signal(number, handle) for number in _NUMBERS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
