"""Whether a page still shows the dashboard: closing one leaves the kernel and the mesh running."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a run goes on when no page shows it any more."""

    pause_after_s: float = 60.0
    close_after_s: float = 600.0


class Attendance:
    """Pauses the run, and later closes it, when no page has been heard from for long."""

    def __init__(
        self,
        patience: Patience,
        pause: Callable[[], None],
        close: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`pause` and `close` are each called once for every absence; both only hand off."""
        self._patience = patience
        self._pause, self._close, self._clock = pause, close, clock
        self._heard_s = clock()
        self._paused = self._closed = False

    def heard(self) -> None:
        """Note that a page is there."""
        self._heard_s = self._clock()
        self._paused = False

    def look(self) -> None:
        """Act if nobody has been there for long enough; called about once a second."""
        absent_s = self._clock() - self._heard_s
        if absent_s >= self._patience.pause_after_s and not self._paused:
            self._paused = True
            self._pause()
        if absent_s >= self._patience.close_after_s and not self._closed:
            self._closed = True
            self._close()
