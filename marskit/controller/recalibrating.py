"""Keeps the twin true to the mesh beside the loop: every cycle is held against it in a thread of its own."""

import asyncio
from dataclasses import replace
from functools import partial
from typing import Protocol

from marskit.clock import Clock
from marskit.controller.bus import Bus
from marskit.controller.daemon import DaemonExecutor
from marskit.controller.notices import Notices
from marskit.domain.events import CycleCompleted, Event, Recalibrated, RunStarted
from marskit.domain.records import Cycle, Severity
from marskit.knowledge.port import Incident
from marskit.planning import Planner


class Recalibration(Protocol):
    """Watches for drift, and fits the twin anew."""

    def begin(self, run: RunStarted) -> None:
        """Load what watching this run needs; takes a second or more, so it is called in a thread.

        Raises:
            ValueError: There is no twin of this mesh.
        """
        ...

    def see(self, cycle: Cycle, incidents: tuple[Incident, ...]) -> Recalibrated | str | None:
        """Take one more cycle, in a thread: a better card as of its end, or what was found out instead."""
        ...

    def adopt(self, planner: Planner) -> None:
        """Let the card that was found last be what is predicted and planned with, by this planner too."""
        ...


class Recalibrating:
    """Hands cycles to a recalibration, and tells what it found."""

    def __init__(self, work: Recalibration, bus: Bus, clock: Clock, notices: Notices) -> None:
        self._work = work
        self._bus = bus
        self._clock = clock
        self._notices = notices
        self._incidents: list[Incident] = []
        self._cycles: asyncio.Queue[tuple[Cycle, tuple[Incident, ...]]] = asyncio.Queue()
        bus.subscribe(self._note)

    def _note(self, event: Event) -> None:
        if isinstance(event, Incident):
            self._incidents.append(event)
        elif isinstance(event, CycleCompleted):
            self._cycles.put_nowait((event.cycle, tuple(self._incidents)))
            self._incidents.clear()

    async def run(self, started: RunStarted, planner: "PlannerSource") -> None:
        """Go on until cancelled. On a mesh without a twin there is nothing to do."""
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(DaemonExecutor(), self._work.begin, started)
        except ValueError:
            return  # The preview says so.
        while True:
            cycle, incidents = await self._cycles.get()
            try:
                found = await loop.run_in_executor(
                    DaemonExecutor(), partial(self._work.see, cycle, incidents)
                )
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
