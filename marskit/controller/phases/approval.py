"""A plan that awaits approval, and the verdict on it."""

import asyncio
from dataclasses import dataclass

from marskit.domain.commands import CommandError

REJECTED = "a person rejected it"


@dataclass(frozen=True, slots=True)
class ApprovalVerdict:
    """The decision on a plan that awaited approval."""

    approved: bool
    reason: str
    """Why the plan was dropped; empty if it was approved."""


class Approval:
    """At most one plan awaits approval at a time, because cycles do not overlap."""

    def __init__(self) -> None:
        self._verdict: asyncio.Future[ApprovalVerdict] | None = None
        self._cycle = 0

    @property
    def awaited(self) -> int | None:
        """The cycle whose plan awaits approval, or None."""
        return self._cycle if self._verdict is not None and not self._verdict.done() else None

    async def wait(self, cycle: int) -> ApprovalVerdict:
        """Return once the plan of `cycle` is approved, rejected or dropped."""
        self._cycle = cycle
        self._verdict = asyncio.get_running_loop().create_future()
        try:
            return await self._verdict
        finally:
            self._verdict = None

    def decide(self, verdict: ApprovalVerdict) -> None:
        """Give a person's verdict.

        Raises:
            CommandError: No plan awaits approval.
        """
        if not self.drop(verdict):
            raise CommandError("No plan is awaiting approval.")

    def drop(self, verdict: ApprovalVerdict) -> bool:
        """Give a verdict if a plan awaits approval; returns whether one did."""
        if self._verdict is None or self._verdict.done():
            return False
        self._verdict.set_result(verdict)
        return True
