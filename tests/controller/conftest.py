"""One controller over fakes, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import pytest

from marskit.controller.controller import Controller
from marskit.controller.parameters import RunParameters
from marskit.domain.commands import Command
from marskit.domain.events import Event, Noticed
from marskit.domain.records import Mode
from marskit.domain.state import State
from marskit.errors import UserError
from marskit.mapek.plan.shield import Shield, ShieldLimits
from tests.fakes import GOALS, FakeKnowledge, FakeLoad, FakeMesh, FakePlanner, ShiftedClock

E = TypeVar("E")


@dataclass
class Rig:
    """A controller, what it is made of, and everything that it published."""

    mode: Mode = Mode.AUTO
    period_s: float = 2.0
    least_seen_s: float = 0.0
    planner: FakePlanner = field(default_factory=FakePlanner)
    other: FakePlanner = field(default_factory=lambda: FakePlanner(name="other"))
    events: list[Event] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = ShiftedClock()
        self.load = FakeLoad(self.clock, calls=self.calls)
        self.mesh = FakeMesh(self.clock, self.load, calls=self.calls)
        self.knowledge = FakeKnowledge(calls=self.calls)
        self._task: asyncio.Task[None] | None = None

    def build(self) -> Controller:
        planners = {planner.name: planner for planner in (self.planner, self.other)}

        def make_planner(name: str) -> FakePlanner:
            if name == "foreign":
                raise UserError("foreign is for another mesh.")
            if name not in planners:
                raise UserError(f"Unknown planner {name!r}.")
            return planners[name]

        parameters = RunParameters(
            run="20260101T000000Z-abcd",
            seed=7,
            goals=GOALS,
            make_planner=make_planner,
            planners=(*planners, "foreign"),
            planner=self.planner.name,
            mode=self.mode,
            period_s=self.period_s,
            least_seen_s=self.least_seen_s,
        )
        self.controller = Controller(
            self.mesh,
            self.load,
            self.knowledge,
            parameters,
            shield=Shield(ShieldLimits()),
            clock=self.clock,
        )
        self.controller.bus.subscribe(self.events.append)
        return self.controller

    async def start(self) -> "Rig":
        self._task = asyncio.create_task(self.build().run())
        await asyncio.sleep(0.1)
        return self

    async def do(self, *commands: Command) -> None:
        """Carry them out, then let what they set off happen; it takes no longer than a tenth of a second."""
        for command in commands:
            await self.controller.handle(command)
            await asyncio.sleep(0.1)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def state(self) -> State:
        return self.controller.state

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def notices(self) -> list[str]:
        return [event.sentence for event in self.events if isinstance(event, Noticed)]


@pytest.fixture
async def make_rig() -> AsyncIterator[Callable[..., Rig]]:
    rigs: list[Rig] = []

    def make(**arguments: object) -> Rig:
        rigs.append(Rig(**arguments))  # type: ignore[arg-type] # passed through as they are
        return rigs[-1]

    yield make
    for rig in rigs:
        await rig.stop()
