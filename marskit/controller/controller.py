"""The controller: commands in, events out, one run from start to end."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from marskit.controller.asking import Asking
from marskit.controller.bus import Bus
from marskit.controller.commands import Commands
from marskit.controller.earlier_runs import EarlierRuns, Recalling
from marskit.controller.loop import Loop
from marskit.controller.notices import Notices, describe
from marskit.controller.parameters import RunParameters
from marskit.controller.phases.approval import Approval
from marskit.controller.phases.effects import Effects
from marskit.controller.phases.executor import ActionWriter
from marskit.controller.phases.gate import Gate
from marskit.controller.phases.sampler import Sampler
from marskit.controller.plan_phase import Decider
from marskit.controller.watchers.canaries import Canaries
from marskit.controller.watchers.drift import Recalibrating, Recalibration
from marskit.controller.watchers.rollback import RollbackWatcher
from marskit.domain.actions import Action
from marskit.domain.commands import Command, CommandError, DryRun
from marskit.domain.diagnosis import Severity
from marskit.domain.events import MeshReady, RunEnded, RunStarted
from marskit.domain.shortfall import Shortfall, failed, not_recorded
from marskit.domain.state import State
from marskit.errors import UserError
from marskit.knowledge.port import Knowledge
from marskit.load.port import Load
from marskit.mapek.analyse.memory import Memory
from marskit.mapek.monitor.monitor import Monitor
from marskit.mapek.plan.shield import Shield
from marskit.mesh.port import Mesh, MeshEvent
from marskit.planning import Planner, Predictor
from marskit.system.daemon_executor import DaemonExecutor
from marskit.system.run_to_completion import to_the_end
from marskit.timing.clock import Clock, VirtualTime

_log = logging.getLogger(__name__)

HEAD_START_S = 0.9
"""Delay before the load starts, in seconds: on few cores, the services must start before their load."""


class Controller:
    """Runs one mesh under one load with one loop, from start to end, on one event loop without threads.

    `run` may be called once. Commands may arrive at any time; events leave through the bus.
    """

    def __init__(
        self,
        mesh: Mesh,
        load: Load,
        knowledge: Knowledge,
        parameters: RunParameters,
        *,
        shield: Shield,
        clock: Clock,
        planner: Planner | None = None,
        preview: Predictor | None = None,
        earlier: EarlierRuns | None = None,
        recalibration: Recalibration | None = None,
        time: VirtualTime | None = None,
    ) -> None:
        """Put a run together; without a `preview` there are no predictions, and so no rollbacks.

        `planner` is the one that the parameters name, if it exists already. Without `earlier` runs, only
        this run is known. Without a `recalibration`, predictions use the card that the run begins with.
        `time` is the mesh's own, to be held while the loop is paused; None if it cannot be.
        """
        self.bus = Bus()
        # Before all others: their own events follow the ones they react to.
        self.bus.subscribe(knowledge.note)
        self._mesh = mesh
        self._load = load
        self._knowledge = knowledge
        self._parameters = parameters
        self._shield = shield
        self._clock = clock
        self._preview = preview
        self._ending = False
        self._cut: Shortfall | None = None
        self._opening: asyncio.Task[None] | None = None
        self._foreseeing: asyncio.Task[None] | None = None
        self._recalling: asyncio.Task[None] | None = None
        self._notices = Notices(self.bus, clock)
        self._time = time
        self._gate = Gate(clock, self.bus, parameters.period_s, time)
        self._approval = Approval()
        monitor = Monitor(mesh.topology, parameters.goals, parameters.window_s)
        canaries = Canaries(mesh.topology, self._notices, enabled=parameters.guard)
        self._telemetry = Sampler(
            mesh=mesh,
            load=load,
            monitor=monitor,
            bus=self.bus,
            notices=self._notices,
            clock=clock,
            period_s=parameters.sample_period_s,
            also=canaries.add,
        )
        self._writer = ActionWriter(mesh, self.bus, clock, lambda execution: self._loop.note(execution))
        guard = RollbackWatcher(parameters.goals, self._writer, self._notices, enabled=parameters.guard)
        effects = Effects(mesh.topology, parameters.goals, parameters.window_s)
        self.bus.subscribe(effects.note)
        self.bus.subscribe(guard.note)
        self.bus.subscribe(canaries.note)
        memory = Memory(expected=dict(parameters.busy_ms))
        self._asking = Asking(self._notices)
        decider = Decider(
            shield,
            guard,
            canaries,
            preview,
            self.bus,
            self._notices,
            self._asking,
            least_seen_s=parameters.least_seen_s,
        )
        self._loop = Loop(
            mesh=mesh,
            load=load,
            knowledge=knowledge,
            planner=planner or parameters.make_planner(parameters.planner),
            shield=shield,
            parameters=parameters,
            bus=self.bus,
            clock=clock,
            gate=self._gate,
            approval=self._approval,
            telemetry=self._telemetry,
            writer=self._writer,
            effects=effects,
            notices=self._notices,
            decider=decider,
            asking=self._asking,
            guard=guard,
            canaries=canaries,
            memory=memory,
        )
        self._earlier = Recalling(
            earlier or EarlierRuns(),
            memory=memory,
            decider=decider,
            bus=self.bus,
            clock=clock,
            notices=self._notices,
        )
        self._recalibrating = (
            Recalibrating(recalibration, self.bus, clock, self._notices) if recalibration else None
        )
        self._commands = Commands(
            mesh=mesh,
            load=load,
            parameters=parameters,
            shield=shield,
            bus=self.bus,
            clock=clock,
            time=time,
            gate=self._gate,
            approval=self._approval,
            loop=self._loop,
            asking=self._asking,
            writer=self._writer,
            notices=self._notices,
        )

    @property
    def state(self) -> State:
        """The state after the last event; immutable, so any thread may read it."""
        return self.bus.state

    async def run(self) -> None:
        """Start everything, turn the loop until cancelled or until the mesh fails, and stop everything.

        It always ends with `RunEnded`, after which everything that was started has stopped.
        """
        reason: str | None = None
        try:
            await self._live()
        except Exception as error:
            reason = _reason(error)
        finally:
            await to_the_end(self._shut_down(reason))

    def cut_short(self, how: Shortfall) -> None:
        """Let the end of the run say that it ended before all was done."""
        self._cut = how

    @property
    def planner(self) -> Planner:
        """The planner in force."""
        return self._loop.planner

    async def discard(self) -> None:
        """End what is held by a controller that will not be run."""
        await self._asking.close(self._loop.planner)

    async def handle(self, command: Command) -> None:
        """Carry out a command; returns when it took effect, or for a step when the step may begin.

        Raises:
            CommandError: The command cannot be carried out; one sentence says why.
        """
        self._require_running()
        await self._commands.handle(command)

    def preview(self, action: Action) -> DryRun:
        """What `Act` would do with that action now, with nothing written.

        Raises:
            CommandError: It would be refused; one sentence says why.
        """
        self._require_running()
        return self._commands.preview(action)

    def _require_running(self) -> None:
        if self.state.started is None:
            raise CommandError("The run has not started yet.")
        if self._ending:
            raise CommandError("The run has ended.")

    async def _live(self) -> None:
        # Not in a thread, whatever it takes: the run must have begun before the first command comes.
        self._asking.reset_now(self._loop.planner, self._parameters.seed)
        started = self._started()
        self.bus.publish(started)
        async with asyncio.TaskGroup() as tasks:
            starting = tasks.create_task(self._mesh.start(self._report))
            tasks.create_task(self._prepare_load(starting))
        gateway_url = starting.result()
        if self.state.gateway_url is None:
            self.bus.publish(MeshReady(self._clock.now(), gateway_url))
        # Neither awaited nor started earlier: loading it would delay the start of the mesh.
        self._opening = asyncio.create_task(self._open_knowledge(started))
        await self._load.start(gateway_url)
        self._recalling = asyncio.create_task(self._earlier.run())
        self._foreseeing = asyncio.create_task(self._foresee(started))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._telemetry.run())
            tasks.create_task(self._loop.run())

    async def _prepare_load(self, mesh: asyncio.Task[str]) -> None:
        await asyncio.wait({mesh}, timeout=HEAD_START_S)
        await self._load.prepare()

    def _started(self) -> RunStarted:
        parameters = self._parameters
        return RunStarted(
            run=parameters.run,
            mesh=self._mesh.name,
            seed=parameters.seed,
            planner=self._loop.planner.name,
            planners=parameters.planners,
            mode=parameters.mode,
            period_s=parameters.period_s,
            topology=self._mesh.topology,
            configuration=self._mesh.configuration,
            goals=parameters.goals,
            scenario=self._load.scenario,
            scenarios=self._load.scenarios,
            capabilities=self._mesh.capabilities,
            busy_ms=parameters.busy_ms,
            parent=parameters.parent,
            pace=self._time.pace if self._time is not None else None,
        )

    def _report(self, event: MeshEvent) -> None:
        self.bus.publish(event)

    async def _open_knowledge(self, started: RunStarted) -> None:
        try:
            await self._knowledge.open(started)
        except Exception as error:
            self._notices.failed("knowledge", "The recording could not be opened", error)

    async def _foresee(self, started: RunStarted) -> None:
        await self._load_preview()
        if self._recalibrating is not None:
            await self._recalibrating.run(started, self._loop)

    async def _load_preview(self) -> None:
        """Load once the load runs: compiling earlier would slow the start of the mesh."""
        if self._preview is None:
            return
        try:
            await asyncio.get_running_loop().run_in_executor(DaemonExecutor(), self._preview.load)
        except Exception as error:
            self._notices.failed("preview", "Predictions are off", error)
        else:
            if self._preview.unavailable:
                self._notices.tell("preview", self._preview.unavailable, Severity.INFO)

    async def _shut_down(self, reason: str | None) -> None:
        """The loop has ended already; stop what it used, in reverse order of the start."""
        self._ending = True
        for reading in (self._foreseeing, self._recalling):
            if reading is not None:
                # First of all: virtual time stands still while this is awaited.
                reading.cancel()
                await asyncio.wait({reading})
        await self._ended("planner", self._asking.close(self._loop.planner))
        await self._ended("load", self._load.stop())
        await self._ended("mesh", self._mesh.stop())
        if self._opening is not None:
            await self._opening
        now_s = self._clock.now()
        shortfalls = self.state.account.shortfalls(now_s)
        if self._cut is not None:
            shortfalls = (self._cut, *shortfalls)
        if reason is not None:
            shortfalls = (failed(reason), *shortfalls)
        # Before publishing, because nothing is recorded afterwards.
        await self._ended("knowledge", self._knowledge.close(RunEnded(now_s, reason, shortfalls)))
        if lost := self._knowledge.unstored_cycles:
            shortfalls = (*shortfalls, not_recorded(lost))
        self.bus.publish(RunEnded(now_s, reason, shortfalls))

    async def _ended(self, subject: str, stopping: Coroutine[Any, Any, None]) -> None:
        try:
            await stopping
        except Exception as error:
            self._notices.failed(subject, f"The {subject} did not stop cleanly", error)


def _reason(error: Exception) -> str:
    """Why the run ended, in one sentence; an internal fault is also logged with its traceback."""
    first: BaseException = error
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    if isinstance(first, UserError):
        return describe(first)
    _log.error("the controller failed", exc_info=error)
    return f"Internal error: {type(first).__name__}: {describe(first)}"
