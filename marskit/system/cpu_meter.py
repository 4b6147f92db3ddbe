"""Measures the processor time of a cycle."""

import time


class CpuMeter:
    """Counts the thread's processor time while it is on, so that waiting costs nothing."""

    def __init__(self) -> None:
        self._total_s = 0.0
        self._since_s: float | None = None

    def start(self) -> None:
        """Start counting."""
        self._since_s = time.thread_time()

    def pause(self) -> None:
        """Stop counting until the next `start`."""
        if self._since_s is not None:
            self._total_s += time.thread_time() - self._since_s
            self._since_s = None

    def take_ms(self) -> float:
        """Return the time counted so far, and reset it."""
        self.pause()
        total_s, self._total_s = self._total_s, 0.0
        return 1000.0 * total_s
