"""Runs of the twin in virtual time, with what a recording must give back of them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from marskit.bootstrap import build
from marskit.controller.controller import Controller
from marskit.domain.events import Event
from marskit.domain.state import State
from marskit.headless import Ending, run_headless
from marskit.settings import Settings
from marskit.virtual_time import VirtualLoop


@dataclass
class Watched:
    """The events of a run and, after each of them, what `look` made of the live state."""

    look: Callable[[State], str] = lambda state: ""
    events: list[Event] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    def tell(self, event: Event) -> None:
        """The story is not told."""


def twin_run(
    runs: Path, *, cycles: int, look: Callable[[State], str] = lambda state: "", **settings: object
) -> Watched:
    """Run so many cycles on the twin, looking at the state on the controller's own thread."""
    watched = Watched(look)
    given = replace(Settings(mesh="twin", runs=runs), **settings)  # type: ignore[arg-type] # as given

    async def factory() -> Controller:
        controller = await build(given)

        def sink(event: Event) -> None:
            watched.events.append(event)
            watched.seen.append(watched.look(controller.state))

        controller.bus.subscribe(sink)
        return controller

    ending = run_headless(factory, watched, cycles=cycles, loop_factory=partial(VirtualLoop, None))
    assert ending == Ending(0)
    return watched
