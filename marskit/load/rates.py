"""Requests per second from counters that only grow."""

from collections import deque

WINDOW_S = 2.0
"""Averaging time of rates, in seconds."""


class Rates:
    """Remembers the counters of the last readings."""

    def __init__(self) -> None:
        self._history: deque[tuple[float, int, int]] = deque()

    def read(self, at_s: float, requests: int, failures: int) -> tuple[float, float]:
        """Requests and failures per second, from the counters now and a window ago."""
        history = self._history
        if history and requests < history[-1][1]:
            # Somebody reset the statistics, or restarted the load, on Locust's page.
            history.clear()
        history.append((at_s, requests, failures))
        while history[-1][0] - history[1 if len(history) > 1 else 0][0] >= WINDOW_S:
            history.popleft()
        since_s, requests_then, failures_then = history[0]
        if at_s <= since_s:
            return 0.0, 0.0
        elapsed_s = at_s - since_s
        return (requests - requests_then) / elapsed_s, (failures - failures_then) / elapsed_s
