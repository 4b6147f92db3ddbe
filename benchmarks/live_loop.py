"""One run of the whole loop, as the program puts it together, driven from inside its own time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

from marskit.assembly.bootstrap import build
from marskit.assembly.settings import Settings
from marskit.controller.bus import Sink
from marskit.controller.controller import Controller
from marskit.domain.commands import Inject, Run
from marskit.domain.events import Event
from marskit.domain.faults import SlowDown
from marskit.domain.loop_events import CycleCompleted
from marskit.domain.records import Cycle

Script = Callable[["LiveLoop"], Awaitable[None]]

_REQUESTS = """
[[request]]
name = "order"
method = "POST"
path = "/orders"
weight = 9
json = { item = "book", quantity = 1, amount = 10.0 }
expect_status = [201]

[[request]]
name = "list orders"
method = "GET"
path = "/orders"
weight = 1
expect_status = [200]
"""


def write_scenario(folder: Path, name: str, *, duration_s: float, speed: float, arrival: str) -> Path:
    """A scenario file with the demo's requests; `arrival` is the TOML of its curve."""
    path = folder / f"{name}.toml"
    head = f'title = "{name}"\ndescription = "Of a benchmark."\nduration_s = {duration_s:g}\n'
    text = f"{head}speed = {speed:g}\nusers = 40\n\n[arrival]\n{arrival}\n{_REQUESTS}"
    path.write_text(text, encoding="utf-8")
    return path


class LiveLoop:
    """A controller that runs, and the cycles that it has completed."""

    def __init__(self, controller: Controller) -> None:
        self.controller = controller
        self.cycles: list[Cycle] = []
        self._changed = asyncio.Event()
        controller.bus.subscribe(self._note)

    async def up(self) -> None:
        """Return when the mesh is up, and let the loop run."""
        while self.controller.state.gateway_url is None:
            await self._next()
        await self.controller.handle(Run())

    async def completed(self, count: int) -> Sequence[Cycle]:
        """Return when so many cycles are done."""
        while len(self.cycles) < count:
            await self._next()
        return self.cycles

    async def _next(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _note(self, event: Event) -> None:
        if isinstance(event, CycleCompleted):
            self.cycles.append(event.cycle)
        self._changed.set()


def play(settings: Settings, script: Script, sink: Sink | None = None) -> None:
    """Run a loop until the script ends; the twin in virtual time, any other mesh in real time.

    Args:
        settings: As of `build`.
        script: What happens meanwhile.
        sink: Takes every event of the run, from the first one to the last.
    """
    with asyncio.Runner(loop_factory=settings.loop_factory()) as runner:
        runner.run(_play(settings, script, sink))


def slowed(settings: Settings, factor: float, *, after: int | None, cycles: int) -> list[Event]:
    """The events of a run in which payments become so many times slower after so many of the cycles."""
    events: list[Event] = []

    async def script(live: LiveLoop) -> None:
        await live.up()
        if after is not None:
            await live.completed(after)
            await live.controller.handle(Inject(SlowDown("payments", factor)))
        await live.completed(cycles)

    play(settings, script, events.append)
    return events


async def _play(settings: Settings, script: Script, sink: Sink | None) -> None:
    controller = await build(settings)
    if sink is not None:
        controller.bus.subscribe(sink)
    live = LiveLoop(controller)
    running = asyncio.create_task(controller.run())
    scripted = asyncio.ensure_future(script(live))
    try:
        await asyncio.wait({running, scripted}, return_when=asyncio.FIRST_COMPLETED)
        if not scripted.done():
            raise RuntimeError(f"the run ended early: {controller.state.ended}")
        await scripted
    finally:
        scripted.cancel()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
