"""The labs of this program by name: one of each, and all of them end well with the program."""

import atexit

# Its import registers the end of all threads of executors, which must come after the end of the labs.
import concurrent.futures.thread  # noqa: F401
import threading
from collections.abc import Callable
from typing import Protocol


class Closable(Protocol):
    """What is kept by name."""

    def close(self) -> None:
        """End it; idempotent."""
        ...


_lock = threading.Lock()
_open: dict[str, Closable] = {}


def replace_named(name: str, make: Callable[[], Closable]) -> None:
    """Close what has that name, then keep what `make` returns under it."""
    with _lock:
        former = _open.pop(name, None)
    if former is not None:
        former.close()
    made = make()
    with _lock:
        _open[name] = made


def forget(closed: Closable) -> None:
    """Keep it no longer."""
    with _lock:
        for name in [name for name, each in _open.items() if each is closed]:
            del _open[name]


def close_all() -> None:
    """Close everything that is open."""
    while True:
        with _lock:
            if not _open:
                return
            _, each = _open.popitem()
        each.close()


# Ordinary exit functions run when no thread can be given work any more, and ending a run needs threads.
getattr(threading, "_register_atexit", atexit.register)(close_all)
