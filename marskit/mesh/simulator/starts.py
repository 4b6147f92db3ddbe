"""Replicas that start: all share the machine, so the more of them, the slower each."""

from bisect import insort
from math import inf


def slowness(crowding: float, others: int) -> float:
    """How many times as long a start takes while so many others are under way."""
    return 1.0 + crowding * others


class Starts:
    """What is on its way in one mesh, in the order in which it becomes ready.

    All advance alike, by `1 / slowness` seconds of their own time a second: processor sharing (Kleinrock
    1967), so that one clock of what each has advanced tells when which is ready.
    """

    def __init__(self, crowding: float) -> None:
        self._crowding = crowding
        self._now_s = 0.0
        self._advanced_s = 0.0
        self._waiting: list[tuple[float, int, str]] = []
        self._count = 0

    def begin(self, now_s: float, workload: str, start_s: float) -> None:
        """Start a replica that alone would take `start_s`."""
        self._pass(now_s)
        self._count += 1
        insort(self._waiting, (self._advanced_s + start_s, self._count, workload))

    def cancel(self, now_s: float, workload: str) -> bool:
        """Give the youngest of the workload's up; whether there was one."""
        own = [each for each in self._waiting if each[2] == workload]
        if own:
            self._pass(now_s)
            self._waiting.remove(max(own, key=lambda each: each[1]))
        return bool(own)

    def take(self, now_s: float) -> str:
        """The workload whose replica becomes ready now, which `next_s` told."""
        self._pass(now_s)
        return self._waiting.pop(0)[2]

    def of(self, workload: str) -> int:
        """How many of the workload's are on their way."""
        return sum(each[2] == workload for each in self._waiting)

    @property
    def next_s(self) -> float:
        """When the next one will be ready, if no other begins before; infinite if there is none."""
        if not self._waiting:
            return inf
        left_s = max(0.0, self._waiting[0][0] - self._advanced_s)
        return self._now_s + left_s * self._slowness()

    def _pass(self, now_s: float) -> None:
        self._advanced_s += (now_s - self._now_s) / self._slowness()
        self._now_s = now_s

    def _slowness(self) -> float:
        return slowness(self._crowding, max(0, len(self._waiting) - 1))
