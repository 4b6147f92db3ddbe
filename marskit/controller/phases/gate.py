"""The gate between two phases: closed, open for one phase or one cycle, or open at every tick."""

import asyncio
from enum import Enum, auto
from math import ceil

from marskit.domain.records import Phase
from marskit.timing.clock import Clock


class Permit(Enum):
    """How far the loop may go."""

    NONE = auto()
    PHASE = auto()
    CYCLE = auto()
    RUN = auto()


class Gate:
    """Lets the loop pass, phase by phase, as far as the last permit allows.

    Permits do not add up: requesting a phase twice while one is under way gives one more phase. Neither do
    ticks: one that falls into an unfinished cycle is skipped, and the rhythm is kept.
    """

    def __init__(self, clock: Clock, period_s: float) -> None:
        self._clock = clock
        self._period_s = period_s
        self._permit = Permit.NONE
        self._due_s = 0.0
        self._changed = asyncio.Event()

    @property
    def running(self) -> bool:
        """Whether the loop runs by itself."""
        return self._permit is Permit.RUN

    def allow(self, permit: Permit) -> None:
        """Replace the permit; a run begins with a cycle at once."""
        if permit is Permit.RUN and self._permit is not Permit.RUN:
            self._due_s = self._clock.now()
        self._permit = permit
        self._changed.set()

    async def wait_for(self, phase: Phase) -> None:
        """Return when `phase` may begin."""
        self._skip_missed_ticks()
        while True:
            self._changed.clear()
            match self._permit:
                case Permit.NONE:
                    await self._changed.wait()
                case Permit.PHASE:
                    self._permit = Permit.NONE
                    return
                case Permit.CYCLE:
                    if phase is Phase.KNOWLEDGE:
                        self._permit = Permit.NONE
                    return
                case Permit.RUN:
                    if phase is not Phase.MONITOR:
                        return
                    early_s = self._due_s - self._clock.now()
                    if early_s <= 0:
                        self._due_s += self._period_s
                        return
                    await self._changed_within(early_s)

    def _skip_missed_ticks(self) -> None:
        late_s = self._clock.now() - self._due_s
        if late_s > 0:
            self._due_s += ceil(late_s / self._period_s) * self._period_s

    async def _changed_within(self, seconds: float) -> None:
        waits = [
            asyncio.ensure_future(self._clock.sleep(seconds)),
            asyncio.ensure_future(self._changed.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
