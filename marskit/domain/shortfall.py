"""What a run did not do of what it was asked: the one place where that is decided."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from marskit.domain.load import ClientCounts, RequestFailure
from marskit.domain.records import Cycle

STREAK = 2
"""Number of cycles in a row after which a load that does not arrive is more than chance."""
_LEAST_DUE = 3.0
"""Number of requests that the curve offers in a window from which at least one should have been due."""


class ShortfallKind(StrEnum):
    """The ways in which a run can fall short."""

    FAILED = "failed"
    """It ended with an error."""
    CUT = "cut"
    """It ended before all cycles were done."""
    STARVED = "starved"
    """Requests were due, and none were sent."""
    UNSERVED = "unserved"
    """Requests were sent, and none succeeded."""
    LOAD_LOST = "load lost"
    """The load generator ended; its requests were not sent until it ran again."""
    TELEMETRY_LOST = "telemetry lost"
    NOT_RECORDED = "not recorded"
    PLANNER_FAILED = "planner failed"


@dataclass(frozen=True, slots=True)
class Shortfall:
    """One way in which a run fell short."""

    kind: ShortfallKind
    sentence: str
    fails: bool = True
    """Whether the run has failed by it; otherwise it is only worth knowing."""


@dataclass(frozen=True, slots=True)
class Streak:
    """Cycles of one kind, counted where they come in a row."""

    now: int = 0
    """Length of the present row."""
    total: int = 0
    """Number of cycles in rows of at least `STREAK`."""
    first: int = 0
    """The first such cycle."""

    def after(self, cycle: int, *, counts: bool) -> "Streak":
        """After one more cycle."""
        if not counts:
            return replace(self, now=0)
        now = self.now + 1
        if now < STREAK:
            return replace(self, now=now)
        added = now if now == STREAK else 1
        return Streak(now, self.total + added, self.first or cycle - STREAK + 1)


@dataclass(frozen=True, slots=True)
class Account:
    """What happened to a run so far, as far as it matters for what it was asked to do."""

    cycles: int = 0
    starved: Streak = Streak()
    unserved: Streak = Streak()
    offered: int = 0
    """Requests that were due."""
    not_sent: int = 0
    telemetry_lost_s: float = 0.0
    telemetry_lost_since_s: float | None = None
    """Since when the telemetry of any source is lost now."""
    load_losses: int = 0
    load_is_lost: bool = False
    planner_failures: int = 0

    def after_cycle(self, cycle: Cycle) -> "Account":
        """After one more completed cycle."""
        client = cycle.client
        counted = replace(
            self,
            cycles=self.cycles + 1,
            planner_failures=self.planner_failures + (cycle.plan.failure is not None),
        )
        if client is None:
            return counted
        starved = _is_starved(cycle, client)
        if not starved and client.offered == 0:
            # Nothing was due: this says nothing about load or mesh.
            return counted
        return replace(
            counted,
            starved=self.starved.after(cycle.id, counts=starved),
            unserved=self.unserved.after(cycle.id, counts=not starved and client.succeeded == 0),
            offered=self.offered + client.offered,
            not_sent=self.not_sent + client.of(RequestFailure.NOT_SENT),
        )

    def shortfalls(self, now_s: float) -> tuple[Shortfall, ...]:
        """How the run has fallen short until now, the worst first."""
        return tuple(self._shortfalls(now_s))

    def _shortfalls(self, now_s: float) -> Iterator[Shortfall]:
        if self.starved.total:
            yield Shortfall(ShortfallKind.STARVED, f"No request was sent in {self._cycles(self.starved)}.")
        if self.unserved.total:
            yield Shortfall(ShortfallKind.UNSERVED, f"No request succeeded in {self._cycles(self.unserved)}.")
        lost_s = self.telemetry_lost_s
        if self.telemetry_lost_since_s is not None:
            lost_s += max(0.0, now_s - self.telemetry_lost_since_s)
        if lost_s > 0:
            yield Shortfall(
                ShortfallKind.TELEMETRY_LOST,
                f"Telemetry was lost for {lost_s:.1f} s; nothing was planned in that time.",
            )
        if self.load_losses:
            back = "and did not come back" if self.load_is_lost else "and was started again"
            times = "" if self.load_losses == 1 else f" {self.load_losses} times"
            yield Shortfall(
                ShortfallKind.LOAD_LOST,
                f"The load generator ended{times} {back}; {_count(self.not_sent, 'request')} "
                f"of {self.offered} were not sent.",
                fails=self.load_is_lost,
            )
        if self.planner_failures:
            yield Shortfall(
                ShortfallKind.PLANNER_FAILED,
                f"The planner failed in {self.planner_failures} of {_count(self.cycles, 'cycle')}.",
                fails=False,
            )

    def _cycles(self, streak: Streak) -> str:
        return f"{streak.total} of {_count(self.cycles, 'cycle')}, first in cycle {streak.first}"


BEGUN = Account()


def _is_starved(cycle: Cycle, client: ClientCounts) -> bool:
    """Whether requests were due and none were sent, or whether the generator does not even draw any."""
    if client.offered > 0:
        return client.of(RequestFailure.NOT_SENT) >= client.offered
    load, window_s = cycle.observation.load, cycle.observation.window_s
    return load is not None and client.sent == 0 and load.offered_requests_per_s * window_s >= 2 * _LEAST_DUE


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def not_recorded(cycles: int) -> Shortfall:
    """Completed cycles that are not in the record."""
    return Shortfall(ShortfallKind.NOT_RECORDED, f"{_count(cycles, 'cycle')} could not be recorded.")


def cut(done: int, asked: int, why: str) -> Shortfall:
    """The run ended before all cycles were done."""
    return Shortfall(ShortfallKind.CUT, f"The run ended after {done} of {_count(asked, 'cycle')}: {why}.")


def failed(reason: str) -> Shortfall:
    """The run ended with an error."""
    return Shortfall(ShortfallKind.FAILED, f"The run failed: {reason.rstrip('.')}.")


WITHOUT_END = Shortfall(
    ShortfallKind.CUT, "The record has no end: the run was killed, or its end could not be recorded."
)
