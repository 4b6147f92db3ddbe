"""Time as a parameter: the run's clock, real here, virtual in tests and in the twin."""

import asyncio
from typing import Protocol


class Clock(Protocol):
    """Seconds since the run began, and a way to wait."""

    def now(self) -> float:
        """Seconds since the run began."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long on this clock."""
        ...


class VirtualTime(Protocol):
    """Power over a time that is not real: the loop of the twin has it."""

    @property
    def pace(self) -> float | None:
        """Seconds per real second, at most; None is as fast as possible."""
        ...

    def set_pace(self, pace: float | None) -> None:
        """Keep another pace from now on."""
        ...

    def hold(self, *, held: bool) -> None:
        """Let time stand still, or go on."""
        ...

    async def idle(self) -> None:
        """Return once everything else that is to be done at the present time has been done."""
        ...


class LoopClock:
    """The event loop's own clock, counted from the start of a run; virtual if the loop's time is."""

    def __init__(self, now_s: float = 0.0) -> None:
        """Start the clock at `now_s`."""
        self._loop = asyncio.get_running_loop()
        self._start_s = self._loop.time() - now_s

    def now(self) -> float:
        """Seconds since the run began."""
        return self._loop.time() - self._start_s

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        await asyncio.sleep(seconds)
