"""A clean stop on signals, the same as any other end."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


def ending_signals() -> tuple[signal.Signals, ...]:
    """The signals that end the program. SIGHUP means that the terminal was closed; `nohup` ignores it."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    return tuple(number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN)


@contextmanager
def first_signal(act: Callable[[int], None]) -> Iterator[None]:
    """Call `act` with the number of the first ending signal; a second one ends the program at once.

    `act` must not raise: an exception at a random place can leave Python's import lock held for ever.
    """
    numbers = ending_signals()

    def handle(number: int, frame: FrameType | None) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_DFL)
        act(number)

    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
