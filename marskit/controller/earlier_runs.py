"""What a run takes from earlier ones, and which of them it removes: once, at its start, beside the loop."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from marskit.controller.bus import Bus
from marskit.controller.notices import Notices
from marskit.controller.plan_phase import Decider
from marskit.domain.baselines import Baselines
from marskit.domain.diagnosis import Severity
from marskit.domain.events import BaselinesLoaded
from marskit.mapek.analyse.memory import Memory
from marskit.planning import SituationLookup
from marskit.system.daemon_executor import DaemonExecutor
from marskit.timing.clock import Clock

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EarlierRuns:
    """Access to the runs before this one; each function runs in a thread, and None skips it."""

    baselines: Callable[[], Baselines | None] | None = None
    """Reads their usual values; None if there are none."""
    past: Callable[[], SituationLookup | None] | None = None
    """Reads their situations; None if there are none."""
    let_go: Callable[[], str | None] | None = None
    """Removes runs beyond the retention limit and names them in a sentence; None if all were kept."""


class Recalling:
    """Passes data of earlier runs to the parts that use it."""

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
        """Read one after another, so that at most one more thread works at a time."""
        usual = await self._ask(
            "baselines", self._earlier.baselines, "The baselines of earlier runs cannot be read"
        )
        if usual is not None:
            self._memory.use(usual)
            self._bus.publish(BaselinesLoaded(self._clock.now(), usual))
        past = await self._ask("past", self._earlier.past, "The situations of earlier runs cannot be read")
        if past is not None:
            self._decider.use(past)
        # Last, when no run is being read any more.
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
