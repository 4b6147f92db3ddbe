"""Keeps the twin calibrated beside the loop: a thread compares every cycle with it."""

import asyncio
from dataclasses import replace
from typing import Protocol

from marskit.controller.bus import Bus
from marskit.controller.notices import Notices
from marskit.domain.diagnosis import Severity
from marskit.domain.events import Event, Recalibrated, RunStarted
from marskit.errors import UserError
from marskit.knowledge.record import Record, Recorder
from marskit.planning import Planner
from marskit.system.daemon_executor import DaemonExecutor
from marskit.timing.clock import Clock


class Recalibration(Protocol):
    """Watches for drift, and recalibrates the twin."""

    def begin(self, run: RunStarted) -> None:
        """Load what is needed for this run; takes a second or more, so it is called in a thread.

        Raises:
            UserError: The twin cannot model this mesh.
        """
        ...

    def see(self, record: Record) -> Recalibrated | str | None:
        """Take one more cycle, in a thread: a better card as of its end, or a finding, or None."""
        ...

    def adopt(self, planner: Planner) -> None:
        """Use the newest card for predictions and planning, also in this planner."""
        ...


class Recalibrating:
    """Passes records to a recalibration, and reports its findings."""

    def __init__(self, work: Recalibration, bus: Bus, clock: Clock, notices: Notices) -> None:
        self._work = work
        self._bus = bus
        self._clock = clock
        self._notices = notices
        self._recorder = Recorder()
        self._records: asyncio.Queue[Record] = asyncio.Queue()
        bus.subscribe(self._note)

    def _note(self, event: Event) -> None:
        if (record := self._recorder.note(event)) is not None:
            self._records.put_nowait(record)

    async def run(self, started: RunStarted, planner: "PlannerSource") -> None:
        """Watch until cancelled; returns at once on a mesh without a twin."""
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(DaemonExecutor(), self._work.begin, started)
        except UserError:
            # Predictions report this already. Without a reader, records would pile up.
            self._bus.unsubscribe(self._note)
            return
        while True:
            record = await self._records.get()
            try:
                found = await loop.run_in_executor(DaemonExecutor(), self._work.see, record)
            except Exception as error:
                # Planning continues with the present card.
                self._notices.failed("twin", "The twin could not be compared with the mesh", error)
                continue
            self._notices.worked("twin")
            if isinstance(found, Recalibrated):
                self._work.adopt(planner.planner)
                self._bus.publish(replace(found, at_s=self._clock.now()))
            elif found is not None:
                self._notices.tell("twin", found, Severity.INFO)


class PlannerSource(Protocol):
    """Knows the planner in force."""

    @property
    def planner(self) -> Planner: ...  # noqa: D102 # as in Loop
