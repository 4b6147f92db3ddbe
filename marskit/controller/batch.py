"""A run without a screen: the same controller for N cycles, reported by a teller."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from signal import Signals
from typing import Protocol

from marskit.controller.runtime import Factory, LoopFactory, Runtime
from marskit.domain.commands import Run
from marskit.domain.events import Event, RunEnded, RunStarted
from marskit.domain.loop_events import CycleCompleted
from marskit.domain.shortfall import cut
from marskit.system import exit_codes
from marskit.system.signals import first_signal


class Teller(Protocol):
    """Reports events as they arrive."""

    def tell(self, event: Event) -> None:
        """Write one event's report, and flush it."""
        ...


@dataclass(frozen=True, slots=True)
class Ending:
    """The result of a run without a screen."""

    exit_code: int
    complaint: str | None = None
    """What went wrong, in one sentence."""


@dataclass(frozen=True, slots=True)
class _Signalled:
    """A signal asked the run to end."""

    number: int


class StopAfterCycles:
    """Ends a run with its Nth cycle, on the run's own thread: in virtual time, another would be too late."""

    def __init__(self, end: Callable[[], object], cycles: int) -> None:
        self._end = end
        self._left = cycles

    def __call__(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, CycleCompleted):
            self._left -= 1
            if self._left == 0:
                self._end()


def run_headless(
    factory: Factory,
    teller: Teller,
    *,
    cycles: int,
    loop_factory: LoopFactory = asyncio.new_event_loop,
) -> Ending:
    """Run until `cycles` cycles are done, and stop everything in any case."""
    events: SimpleQueue[Event | _Signalled] = SimpleQueue()
    runtime = Runtime()
    runtime.subscribe(events.put)
    runtime.subscribe(StopAfterCycles(runtime.end, cycles))
    with first_signal(lambda number: events.put(_Signalled(number))):
        runtime.start(factory, first=(Run(),), loop_factory=loop_factory)
        try:
            last = _tell_cycles(events, teller, cycles)
            if isinstance(last, _Signalled):
                done = runtime.state.cycles_done
                runtime.cut_short(cut(done, cycles, f"it was ended by {Signals(last.number).name}"))
        finally:
            stopped = runtime.stop()
        while not events.empty():
            if not isinstance(event := events.get(), _Signalled):
                teller.tell(event)
    if not stopped:
        return Ending(exit_codes.FAILED, "The run did not stop in time")
    match last:
        case _Signalled(number):
            return Ending(exit_codes.of_signal(number))
        case RunEnded(_, reason):
            failed = runtime.state.started is not None or runtime.has_fault
            return Ending(exit_codes.FAILED if failed else exit_codes.INPUT, reason or "The run ended early")
        case _:
            ended = runtime.state.ended
            short = [each.sentence for each in ended.shortfalls if each.fails] if ended else []
            return Ending(exit_codes.FAILED if short else 0, " ".join(short) or None)


def _tell_cycles(
    events: "SimpleQueue[Event | _Signalled]", teller: Teller, cycles: int
) -> RunEnded | _Signalled | None:
    """Report everything up to the end of that many cycles; returns an earlier end, if any.

    The end of a run that never began is not reported here: its reason is the complaint.
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
