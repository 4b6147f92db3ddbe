"""What a run takes from earlier ones, and which of them it lets go: once, at its start, beside the loop."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from marskit.controller.bus import Bus
from marskit.controller.notices import Notices
from marskit.controller.plan_phase import Decider
from marskit.domain.baselines import Baselines
from marskit.domain.events import BaselinesLoaded
from marskit.domain.records import Severity
from marskit.mapek.analyse.memory import Memory
from marskit.planning import Past
from marskit.system.daemon_executor import DaemonExecutor
from marskit.timing.clock import Clock

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EarlierRuns:
    """How to ask the runs before this one; each is called in a thread, and None is not to ask."""

    baselines: Callable[[], Baselines | None] | None = None
    """Reads what they say is usual; None if they say nothing."""
    past: Callable[[], Past | None] | None = None
    """Reads what situations they were in; None if they were in none."""
    let_go: Callable[[], str | None] | None = None
    """Removes those that are not to be kept, and says in a sentence which; None if all were kept."""


class Recalling:
    """Hands what earlier runs tell to those who use it."""

    def __init__(
        self,
        earlier: EarlierRuns,
        *,
        memory: Memory,
        decider: Decider,
        bus: Bus,
        clock: Clock,
        notices: Notices,
    ) -> None:
        self._earlier = earlier
        self._memory = memory
        self._decider = decider
        self._bus = bus
        self._clock = clock
        self._notices = notices

    async def run(self) -> None:
        """Ask them one after the other, so that there is never more than one more thread at work."""
        usual = await self._ask(
            "baselines", self._earlier.baselines, "What earlier runs say is usual cannot be read"
        )
        if usual is not None:
            self._memory.use(usual)
            self._bus.publish(BaselinesLoaded(self._clock.now(), usual))
        past = await self._ask("past", self._earlier.past, "The situations of earlier runs cannot be read")
        if past is not None:
            self._decider.use(past)
        # Last, when none of them is read any more.
        gone = await self._ask("runs", self._earlier.let_go, "Not all old runs could be removed")
        if gone is not None:
            self._notices.tell("runs", gone, Severity.INFO)

    async def _ask(self, subject: str, ask: Callable[[], T | None] | None, otherwise: str) -> T | None:
        if ask is None:
            return None
        try:
            return await asyncio.get_running_loop().run_in_executor(DaemonExecutor(), ask)
        except Exception as error:
            self._notices.failed(subject, otherwise, error)
            return None
