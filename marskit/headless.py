"""A run without a screen: the same controller for so many cycles, told in lines or as NDJSON."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol, TextIO

from rich.console import Console

from marskit import exits
from marskit.controller.runtime import Factory, LoopFactory, Runtime
from marskit.domain.commands import Run
from marskit.domain.events import CycleCompleted, Event, MeshReady, Progressed, RunEnded, RunStarted
from marskit.knowledge.codec import dumps
from marskit.knowledge.port import Incident
from marskit.knowledge.record import Record, Recorder, figures
from marskit.knowledge.store import open_store
from marskit.signals import first_signal
from marskit.story import COLUMNS, cycle_lines, figures_lines, incident_line, run_line


class Teller(Protocol):
    """Tells events as they come."""

    def tell(self, event: Event) -> None:
        """Write what one event has to say, and flush it."""
        ...


class JsonTeller:
    """Every event as one line of JSON, its `kind` first."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def tell(self, event: Event) -> None:
        """Write the event."""
        self._out.write(f"{dumps(event, Event)}\n")
        self._out.flush()


class StoryTeller:
    """A line per cycle, and below it what was planned, done and found out; the figures at the end."""

    def __init__(self, console: Console, runs: Path | str) -> None:
        self._console = console
        self._runs = runs
        self._run: RunStarted | None = None
        self._recorder = Recorder()
        self._records: list[Record] = []

    def tell(self, event: Event) -> None:
        """Write what the event has to say; most are part of a cycle and told with it."""
        if (record := self._recorder.note(event)) is not None:
            self._records.append(record)
        if isinstance(event, Incident):
            self._line(incident_line(event))
        match event:
            case RunStarted():
                self._run = event
                self._line(run_line(event))
            case Progressed(at_s, step, detail):
                self._line(f"{at_s:>8.1f} s  {step}: {detail}")
            case MeshReady(at_s, gateway_url):
                self._line(f"{at_s:>8.1f} s  the gateway answers at {gateway_url}")
                self._line(COLUMNS)
            case CycleCompleted(cycle):
                for line in cycle_lines(cycle):
                    self._line(line)
            case RunEnded():
                self._end()
            case _:
                pass

    def _end(self) -> None:
        if self._run is not None and self._records:
            self._line("")
            for line in figures_lines(figures(self._records), slo_met_at_end=self._records[-1].slo_met):
                self._line(line)
            self._line(
                f"  {'recorded in':<22} {open_store(self._runs).location(self._run.run, '').rstrip('/')}"
            )

    def _line(self, line: object) -> None:
        self._console.print(line, soft_wrap=True, highlight=False, markup=False)
        self._console.file.flush()


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run without a screen ended."""

    exit_code: int
    complaint: str | None = None
    """One sentence when not everything went as asked."""


@dataclass(frozen=True, slots=True)
class _Signalled:
    """A signal asked for the end."""

    number: int


class _Enough:
    """Ends a run with its last cycle, on the run's own thread: in virtual time, any other came too late."""

    def __init__(self, runtime: Runtime, cycles: int) -> None:
        self._runtime = runtime
        self._cycles = cycles

    def __call__(self, event: Event) -> None:
        if isinstance(event, CycleCompleted):
            self._cycles -= 1
            if self._cycles == 0:
                self._runtime.end()


def run_headless(
    factory: Factory,
    teller: Teller,
    *,
    cycles: int,
    loop_factory: LoopFactory = asyncio.new_event_loop,
) -> Ending:
    """Run until `cycles` cycles are done, and end everything whatever happens."""
    events: SimpleQueue[Event | _Signalled] = SimpleQueue()
    runtime = Runtime()
    runtime.subscribe(events.put)
    runtime.subscribe(_Enough(runtime, cycles))
    with first_signal(lambda number: events.put(_Signalled(number))):
        runtime.start(factory, first=(Run(),), loop_factory=loop_factory)
        try:
            last = _tell_cycles(events, teller, cycles)
        finally:
            stopped = runtime.stop()
        while not events.empty():
            if not isinstance(event := events.get(), _Signalled):
                teller.tell(event)
    if not stopped:
        return Ending(exits.FAILED, "The run could not be ended in time")
    match last:
        case _Signalled(number):
            return Ending(exits.of_signal(number))
        case RunEnded(_, reason):
            begun = runtime.state.started is not None
            return Ending(exits.FAILED if begun else exits.INPUT, reason or "The run ended early")
        case _:
            return Ending(0)


def _tell_cycles(
    events: "SimpleQueue[Event | _Signalled]", teller: Teller, cycles: int
) -> RunEnded | _Signalled | None:
    """Tell everything up to the end of that many cycles; what came before that, if anything did.

    The end of a run that never began is not told: its reason is all there is to say.
    """
    begun = False
    while cycles > 0:
        event = events.get()
        begun = begun or isinstance(event, RunStarted)
        if isinstance(event, _Signalled) or (isinstance(event, RunEnded) and not begun):
            return event
        teller.tell(event)
        if isinstance(event, RunEnded):
            return event
        cycles -= isinstance(event, CycleCompleted)
    return None
