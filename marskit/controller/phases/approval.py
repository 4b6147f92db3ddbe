"""A plan that awaits approval, and the verdict on it."""

import asyncio
from dataclasses import dataclass

from marskit.domain.commands import CommandError

REJECTED = "a person rejected it"
NONE_AWAITED = "No plan is awaiting approval."


@dataclass(frozen=True, slots=True)
class ApprovalVerdict:
    """The decision on a plan that awaited approval."""

    approved: bool
    reason: str
    """Why the plan was dropped; empty if it was approved."""
    by_person: bool = False


class Approval:
    """At most one plan awaits approval at a time, because cycles do not overlap."""

    def __init__(self) -> None:
        self._verdict: asyncio.Future[ApprovalVerdict] | None = None
        self._cycle = self._revision = 0
        self._asked_again = asyncio.Event()

    @property
    def awaited(self) -> int | None:
        """The cycle whose plan awaits approval, or None."""
        return self._cycle if self._verdict is not None and not self._verdict.done() else None

    @property
    def asked_again(self) -> asyncio.Event:
        """Set once a person asks for another plan; whoever plans clears it."""
        return self._asked_again

    def begin(self, cycle: int) -> "asyncio.Future[ApprovalVerdict]":
        """Await a verdict on the first plan of `cycle`; whoever awaits it calls `end`."""
        self._cycle, self._revision = cycle, 1
        self._asked_again.clear()
        self._verdict = asyncio.get_running_loop().create_future()
        return self._verdict

    def revise(self) -> int:
        """Await the verdict on another plan instead; returns its number within the cycle."""
        self._revision += 1
        return self._revision

    def end(self) -> None:
        """Await nothing any longer."""
        self._verdict = None

    def decide(self, cycle: int, revision: int, *, approved: bool) -> None:
        """Give a person's verdict on that plan.

        Raises:
            CommandError: That plan does not await approval.
        """
        if self.awaited is None:
            raise CommandError(NONE_AWAITED)
        if (cycle, revision) != (self._cycle, self._revision):
            raise CommandError(
                f"Plan {revision} of cycle {cycle} is no longer the one that awaits approval: it was "
                f"replaced by plan {self._revision} of cycle {self._cycle}."
            )
        self.drop(ApprovalVerdict(approved, "" if approved else REJECTED, by_person=True))

    def ask_again(self) -> None:
        """Ask for another plan.

        Raises:
            CommandError: No plan awaits approval.
        """
        if self.awaited is None:
            raise CommandError(NONE_AWAITED)
        self._asked_again.set()

    def drop(self, verdict: ApprovalVerdict) -> bool:
        """Give a verdict if a plan awaits approval; returns whether one did."""
        if self._verdict is None or self._verdict.done():
            return False
        self._verdict.set_result(verdict)
        return True
