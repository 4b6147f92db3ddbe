"""Keeps the twin true to the mesh beside the loop: every cycle is held against it in a thread of its own."""

import asyncio
from dataclasses import replace
from typing import Protocol

from marskit.controller.bus import Bus
from marskit.controller.notices import Notices
from marskit.domain.events import Event, Recalibrated, RunStarted
from marskit.domain.records import Severity
from marskit.errors import UserError
from marskit.knowledge.record import Record, Recorder
from marskit.planning import Planner
from marskit.system.daemon_executor import DaemonExecutor
from marskit.timing.clock import Clock


class Recalibration(Protocol):
    """Watches for drift, and fits the twin anew."""

    def begin(self, run: RunStarted) -> None:
        """Load what watching this run needs; takes a second or more, so it is called in a thread.

        Raises:
            UserError: There is no twin of this mesh.
        """
        ...

    def see(self, record: Record) -> Recalibrated | str | None:
        """Take one more cycle, in a thread: a better card as of its end, or what was found out instead."""
        ...

    def adopt(self, planner: Planner) -> None:
        """Let the card that was found last be what is predicted and planned with, by this planner too."""
        ...


class Recalibrating:
    """Hands records to a recalibration, and tells what it found."""

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
        """Go on until cancelled. On a mesh without a twin there is nothing to do."""
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(DaemonExecutor(), self._work.begin, started)
        except UserError:
            # The preview says so. Nobody would take the records that pile up.
            self._bus.unsubscribe(self._note)
            return
        while True:
            record = await self._records.get()
            try:
                found = await loop.run_in_executor(DaemonExecutor(), self._work.see, record)
            except Exception as error:
                # Planning goes on with the card that there is.
                self._notices.failed("twin", "The twin could not be held against the mesh", error)
                continue
            self._notices.worked("twin")
            if isinstance(found, Recalibrated):
                self._work.adopt(planner.planner)
                self._bus.publish(replace(found, at_s=self._clock.now()))
            elif found is not None:
                self._notices.tell("twin", found, Severity.INFO)


class PlannerSource(Protocol):
    """Whoever knows the planner in force."""

    @property
    def planner(self) -> Planner: ...  # noqa: D102 # as in Loop
