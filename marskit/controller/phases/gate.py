"""The gate between two phases: closed, open for one phase, one cycle or N, or open at every tick."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from math import ceil
from typing import Any

from marskit.controller.bus import Bus
from marskit.domain.loop_events import RunningChanged, TimeHeld
from marskit.domain.records import Phase
from marskit.timing.clock import Clock, VirtualTime
from marskit.timing.virtual_loop import DIGITS


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

    In virtual time, every cycle begins when it is due, whatever the permit, and time stands still while the
    gate is closed: N steps are the same cycles as one run of N.
    """

    def __init__(self, clock: Clock, bus: Bus, period_s: float, time: VirtualTime | None = None) -> None:
        """Close the gate; `time` is what it holds meanwhile, if the mesh's time can be held."""
        self._clock = clock
        self._bus = bus
        self._period_s = period_s
        self._time = time
        self._permit = Permit.NONE
        self._left: int | None = None
        """Number of cycles that a run still has, or None for a run without end."""
        self._due_s = 0.0
        self._passing = 0
        self._held = False
        self._changed = asyncio.Event()

    @property
    def running(self) -> bool:
        """Whether the loop runs by itself."""
        return self._permit is Permit.RUN

    @property
    def is_closed(self) -> bool:
        """Whether the loop stops at the end of the phase under way."""
        return self._permit is Permit.NONE

    def allow(self, permit: Permit, cycles: int | None = None) -> None:
        """Replace the permit; a run ends after that many cycles, the one under way included.

        In real time, a run begins with a cycle at once; one of N cycles keeps the rhythm of the one before.
        """
        if permit is Permit.RUN and not self.running and self._time is None:
            now_s = self._clock.now()
            self._due_s = now_s if cycles is None else max(self._due_s, now_s)
        self._left = cycles
        self._become(permit)

    @contextmanager
    def time_passes(self) -> Iterator[None]:
        """Let time pass meanwhile although the gate is closed, until the next cycle is due at the latest."""
        self._passing += 1
        self._changed.set()
        try:
            yield
        finally:
            self._passing -= 1
            self._changed.set()

    async def wait_for(self, phase: Phase) -> None:
        """Return when `phase` may begin."""
        self._skip_missed_ticks()
        if phase is Phase.MONITOR and self._left == 0:
            self._left = None
            self._become(Permit.NONE)
        if self._time is None:
            await self._opened(phase)
        else:
            await self._opened_in_virtual_time(phase, self._time)
        self._pass(phase)

    async def _opened(self, phase: Phase) -> None:
        while True:
            self._changed.clear()
            if self.is_closed:
                await self._changed.wait()
                continue
            early_s = self._due_s - self._clock.now() if self.running and phase is Phase.MONITOR else 0.0
            if early_s <= 0.0:
                return
            timer = asyncio.ensure_future(self._clock.sleep(early_s))
            try:
                await self._changed_or(timer)
            finally:
                await _cancelled(timer)

    async def _opened_in_virtual_time(self, phase: Phase, time: VirtualTime) -> None:
        # Begun whatever the permit, so that the order of all timers is the same in a step and in a run.
        moment = asyncio.ensure_future(self._moment(phase, time))
        is_first, stopped = phase is Phase.MONITOR, False
        try:
            while True:
                self._changed.clear()
                is_closed, passes = self.is_closed, self._passing > 0
                # Within a cycle, what lets time pass is finished first; a new cycle begins when it is due.
                if not is_closed and moment.done() and (is_first or not (stopped and passes)):
                    break
                stopped = stopped or is_closed
                self._hold(time, held=is_closed and (not passes or (is_first and moment.done())))
                await self._changed_or(moment)
            self._hold(time, held=False)
            if stopped:
                await time.idle()
        finally:
            self._hold(time, held=False)
            await _cancelled(moment)

    async def _moment(self, phase: Phase, time: VirtualTime) -> None:
        """The moment at which the phase begins, after everything else that happens then."""
        if phase is Phase.MONITOR and (early_s := self._due_s - self._clock.now()) > 0:
            await self._clock.sleep(early_s)
        await time.idle()

    def _hold(self, time: VirtualTime, *, held: bool) -> None:
        if held != self._held:
            self._held = held
            time.hold(held=held)
            self._bus.publish(TimeHeld(self._clock.now(), held))

    async def _changed_or(self, timer: "asyncio.Future[None]") -> None:
        """Return when the permit changed, or at the timer if it is still to come."""
        changed = asyncio.ensure_future(self._changed.wait())
        waits: set[asyncio.Future[Any]] = {changed} if timer.done() else {changed, timer}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _cancelled(changed)

    def _pass(self, phase: Phase) -> None:
        if phase is Phase.MONITOR and (self.running or self._time is not None):
            self._due_s = round(self._due_s + self._period_s, DIGITS)
        if self._permit is Permit.PHASE or (self._permit is Permit.CYCLE and phase is Phase.KNOWLEDGE):
            self._permit = Permit.NONE
        elif phase is Phase.KNOWLEDGE and self._left is not None:
            self._left -= 1

    def _become(self, permit: Permit) -> None:
        was_running, self._permit = self.running, permit
        self._changed.set()
        if self.running != was_running:
            self._bus.publish(RunningChanged(self._clock.now(), self.running))

    def _skip_missed_ticks(self) -> None:
        late_s = self._clock.now() - self._due_s
        if late_s > 0:
            self._due_s = round(self._due_s + ceil(late_s / self._period_s) * self._period_s, DIGITS)


async def _cancelled(waiting: "asyncio.Future[Any]") -> None:
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
