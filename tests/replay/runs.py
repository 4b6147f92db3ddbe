"""Runs of the twin in virtual time, with what a recording must give back of them."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

from marskit.assembly.bootstrap import build
from marskit.assembly.settings import Settings
from marskit.controller.batch import Ending, run_headless
from marskit.controller.controller import Controller
from marskit.domain.commands import Command, Pause, Run, StepCycle, StepPhase
from marskit.domain.events import Event
from marskit.domain.loop_events import TimeHeld
from marskit.domain.state import State, apply
from marskit.timing.virtual_loop import VirtualLoop


@dataclass
class Watched:
    """The events of a run in their order and, after each of them, what `look` made of the live state."""

    look: Callable[[State], str]
    events: list[Event] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    def apply(self, state: State, event: Event) -> State:
        """What the controller's bus calls for every event, and at no other time."""
        state = apply(state, event)
        self.events.append(event)
        self.seen.append(self.look(state))
        return state

    def tell(self, event: Event) -> None:
        """The story is not told."""


def twin_run(
    runs: Path,
    *,
    cycles: int,
    look: Callable[[State], str] = lambda state: "",
    script: Sequence[tuple[float, Command]] = (),
    **settings: object,
) -> Watched:
    """Run so many cycles on the twin; a command is given at its time, or at a pause, which holds time."""
    watched = Watched(look)
    given = replace(Settings(mesh="twin", runs=runs), **settings)  # type: ignore[arg-type] # as given
    tasks: list[asyncio.Task[None]] = []

    async def give(controller: Controller) -> None:
        held = asyncio.Event()

        def note(event: Event) -> None:
            if isinstance(event, TimeHeld):
                (held.set if event.held else held.clear)()

        controller.bus.subscribe(note)
        for at_s, command in script:
            with suppress(TimeoutError):
                await asyncio.wait_for(held.wait(), at_s - asyncio.get_running_loop().time())
            held.clear()
            await controller.handle(command)
            if isinstance(command, StepPhase | StepCycle | Run | Pause):
                continue
            if controller.state.held:
                held.set()

    async def factory() -> Controller:
        controller = await build(given)
        tasks.append(asyncio.ensure_future(give(controller)))
        return controller

    # Not a sink: those that come after one that publishes in turn hear of both in another order.
    with patch("marskit.controller.bus.apply", watched.apply):
        ending = run_headless(factory, watched, cycles=cycles, loop_factory=partial(VirtualLoop, None))
    assert ending == Ending(0)
    assert all(task.done() and not task.cancelled() and task.exception() is None for task in tasks)
    return watched
