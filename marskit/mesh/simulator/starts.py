"""Starting replicas: all share the machine, so more of them start more slowly."""

from bisect import insort
from math import inf


def slowness(crowding: float, others: int) -> float:
    """The factor by which a start takes longer while `others` are under way."""
    return 1.0 + crowding * others


class Starts:
    """The replicas that are starting in one mesh, in the order in which they become ready.

    All advance equally, by `1 / slowness` seconds of their own time per second: processor sharing (Kleinrock
    1967), so one clock of the common progress determines when each becomes ready.
    """

    def __init__(self, crowding: float) -> None:
        self._crowding = crowding
        self._now_s = 0.0
        self._advanced_s = 0.0
        self._waiting: list[tuple[float, int, str]] = []
        self._count = 0

    def begin(self, now_s: float, workload: str, start_s: float) -> None:
        """Start a replica that would take `start_s` alone."""
        self._pass(now_s)
        self._count += 1
        insort(self._waiting, (self._advanced_s + start_s, self._count, workload))

    def cancel(self, now_s: float, workload: str) -> bool:
        """Cancel the workload's youngest start; returns whether there was one."""
        own = [each for each in self._waiting if each[2] == workload]
        if own:
            self._pass(now_s)
            self._waiting.remove(max(own, key=lambda each: each[1]))
        return bool(own)

    def take(self, now_s: float) -> str:
        """The workload whose replica becomes ready now, at the time of `next_s`."""
        self._pass(now_s)
        return self._waiting.pop(0)[2]

    def of(self, workload: str) -> int:
        """Number of the workload's replicas that are starting."""
        return sum(each[2] == workload for each in self._waiting)

    @property
    def next_s(self) -> float:
        """When the next one becomes ready, if no other starts before; infinite if there is none."""
        if not self._waiting:
            return inf
        left_s = max(0.0, self._waiting[0][0] - self._advanced_s)
        return self._now_s + left_s * self._slowness()

    def _pass(self, now_s: float) -> None:
        self._advanced_s += (now_s - self._now_s) / self._slowness()
        self._now_s = now_s

    def _slowness(self) -> float:
        return slowness(self._crowding, max(0, len(self._waiting) - 1))
