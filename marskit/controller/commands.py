"""Carries out commands; a command that fails has changed nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import assert_never

from marskit.controller.asking import Asking, in_thread
from marskit.controller.bus import Bus
from marskit.controller.loop import Loop
from marskit.controller.notices import Notices, describe
from marskit.controller.parameters import RunParameters
from marskit.controller.phases.approval import Approval, ApprovalVerdict
from marskit.controller.phases.executor import ActionWriter
from marskit.controller.phases.gate import Gate, Permit
from marskit.domain import commands
from marskit.domain.actions import Action
from marskit.domain.actions import describe as describe_action
from marskit.domain.commands import Command, CommandError, DryRun
from marskit.domain.diagnosis import Severity
from marskit.domain.events import FaultInjected, LoadFactorChanged, ScenarioChanged
from marskit.domain.faults import Fault, describe_fault
from marskit.domain.loop_events import ModeChanged, PaceChanged, PlannerChanged
from marskit.domain.plan import ShieldChange
from marskit.domain.records import Execution, Mode, Origin, Outcome
from marskit.domain.state import State
from marskit.errors import UserError
from marskit.load.port import Load, LoadError
from marskit.mapek.plan.shield import Shield
from marskit.mesh.port import ActionError, Mesh, MeshError
from marskit.planning import GuestPlanner, Planner
from marskit.timing.clock import Clock, VirtualTime
from marskit.timing.pace import LEAST_PACE, MOST_PACE


class Commands:
    """Carries out the commands of one run."""

    def __init__(
        self,
        *,
        mesh: Mesh,
        load: Load,
        parameters: RunParameters,
        shield: Shield,
        bus: Bus,
        clock: Clock,
        time: VirtualTime | None,
        gate: Gate,
        approval: Approval,
        loop: Loop,
        asking: Asking,
        writer: ActionWriter,
        notices: Notices,
    ) -> None:
        self._mesh = mesh
        self._load = load
        self._parameters = parameters
        self._shield = shield
        self._bus = bus
        self._clock = clock
        self._time = time
        self._gate = gate
        self._approval = approval
        self._loop = loop
        self._asking = asking
        self._choosing = asyncio.Lock()
        self._turn = asyncio.Lock()
        self._writer = writer
        self._notices = notices

    async def handle(self, command: Command) -> None:
        """Carry out a command; returns when it took effect, or for a step when it may begin.

        Raises:
            CommandError: The command cannot be carried out; one sentence says why.
        """
        match command:
            case commands.StepPhase():
                self._step(Permit.PHASE)
            case commands.StepCycle():
                self._step(Permit.CYCLE)
            case commands.Run(cycles):
                self._run(cycles)
            case commands.Pause():
                self._gate.allow(Permit.NONE)
            case commands.SetPace(pace):
                self._set_pace(pace)
            case commands.SetMode(mode):
                self._set_mode(mode)
            case commands.SetPlanner(planner):
                await self._set_planner(planner)
            case commands.Approve(cycle, revision):
                self._approval.decide(cycle, revision, approved=True)
            case commands.Reject(cycle, revision):
                self._approval.decide(cycle, revision, approved=False)
            case commands.Replan():
                self._approval.ask_again()
            case commands.Undo(execution):
                async with self._in_turn():
                    await self._undo(execution)
            case commands.Act(action, origin):
                async with self._in_turn():
                    await self._act(action, origin)
            case commands.Inject(fault):
                async with self._in_turn():
                    await self._inject(fault)
            case commands.SetLoadFactor(factor):
                async with self._in_turn():
                    await self._set_load_factor(factor)
            case commands.SetScenario(scenario):
                async with self._in_turn():
                    await self._set_scenario(scenario)
            case _:
                assert_never(command)

    @property
    def _state(self) -> State:
        return self._bus.state

    @asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[None]:
        """Let the time pass that a change of the mesh takes; at a pause that holds time, one after another.

        So a run does not depend on how soon a person gives the next command.
        """
        with self._gate.time_passes():
            if self._time is None or not self._gate.is_closed:
                yield
                return
            async with self._turn:
                yield

    def _run(self, cycles: int | None) -> None:
        if cycles is not None and cycles < 1:
            raise CommandError(f"The number of cycles is {cycles}; it must be 1 or more.")
        self._gate.allow(Permit.RUN, cycles)

    def _set_pace(self, pace: float | None) -> None:
        if self._time is None:
            raise CommandError("This mesh runs in real time, so it has no pace to change.")
        if pace is not None and not LEAST_PACE <= pace <= MOST_PACE:
            raise CommandError(f"The pace is {pace:g}; it must be from {LEAST_PACE:g} to {MOST_PACE:g}.")
        if pace != self._state.pace:
            self._time.set_pace(pace)
            self._bus.publish(PaceChanged(self._clock.now(), pace))

    def _step(self, permit: Permit) -> None:
        if self._approval.awaited is not None:
            waiting = f"The plan of cycle {self._approval.awaited} is awaiting approval"
            raise CommandError(f"{waiting}: approve or reject it first.")
        self._gate.allow(permit)

    def _set_mode(self, mode: Mode) -> None:
        if mode is not self._state.mode:
            self._bus.publish(ModeChanged(self._clock.now(), mode))
            self._approval.drop(
                ApprovalVerdict(approved=False, reason=f"the mode changed to {mode} before approval")
            )

    async def _set_planner(self, name: str) -> None:
        async with self._choosing:
            # A user's planner is loaded again: it may have been edited, or be no longer asked after crashes.
            if name == self._state.planner and not isinstance(self._loop.planner, GuestPlanner):
                return
            await self._change_planner(name)

    async def _change_planner(self, name: str) -> None:
        planner: Planner | None = None
        try:
            planner = await in_thread(lambda: self._parameters.make_planner(name))
            await self._asking.reset(planner, self._parameters.seed)
        except UserError as error:
            # The planner cannot be used, so the present one continues.
            if planner is not None:
                await self._asking.close(planner)
            raise CommandError(str(error)) from error
        except asyncio.CancelledError:
            if planner is not None and isinstance(planner, GuestPlanner):
                planner.close()
            raise
        await self._loop.replace_planner(planner)
        self._bus.publish(PlannerChanged(self._clock.now(), name))
        self._approval.drop(
            ApprovalVerdict(approved=False, reason=f"the planner changed to {name} before approval")
        )

    async def _undo(self, execution: int | None) -> None:
        self._require_writable()
        self._require_success(await self._writer.undo(execution))

    def preview(self, action: Action) -> DryRun:
        """Preview what `Act` would do with that action now; nothing is written or reported.

        Raises:
            CommandError: `Act` would refuse it, with the same sentence.
        """
        allowed, changes = self._allow_action(action)
        try:
            would = self._mesh.preview(allowed)
        except ActionError as error:
            raise CommandError(_failed(allowed, str(error))) from error
        return DryRun(allowed, changes, would.command, would.diff, would.inverse_command)

    async def _act(self, action: Action, origin: Origin) -> None:
        allowed, changes = self._allow_action(action)
        for change in changes:
            self._notices.tell("shield", change.sentence, Severity.INFO)
        self._require_success(await self._writer.write(allowed, origin))

    def _allow_action(self, action: Action) -> tuple[Action, tuple[ShieldChange, ...]]:
        """A person's action after the shield."""
        self._require_writable()
        if not self._mesh.capabilities.can_do(action):
            raise CommandError(f"This mesh cannot {describe_action(action)}.")
        # A block on a canary holds for planners; a person may give it traffic again.
        view = replace(self._loop.view(), held=())
        allowed, changes = self._shield.check((action,), view, self._state.executions)
        if not allowed:
            raise CommandError(changes[-1].sentence)
        return allowed[0], changes

    def _require_success(self, execution: Execution) -> None:
        if execution.outcome is not Outcome.APPLIED:
            raise CommandError(_failed(execution.action, execution.reason))

    async def _inject(self, fault: Fault) -> None:
        self._require_mesh()
        if not self._mesh.capabilities.can_inject(fault):
            raise CommandError(f"This mesh cannot {describe_fault(fault)}.")
        try:
            await self._mesh.inject(fault)
        except (ActionError, MeshError) as error:
            raise CommandError(describe(error)) from error
        self._bus.publish(FaultInjected(self._clock.now(), fault))

    async def _set_load_factor(self, factor: float) -> None:
        self._require_mesh()
        try:
            await self._load.set_factor(factor)
        except LoadError as error:
            raise CommandError(describe(error)) from error
        self._bus.publish(LoadFactorChanged(self._clock.now(), factor))

    async def _set_scenario(self, scenario: str) -> None:
        self._require_mesh()
        try:
            await self._load.set_scenario(scenario)
        except LoadError as error:
            raise CommandError(describe(error)) from error
        self._bus.publish(ScenarioChanged(self._clock.now(), self._load.scenario))

    def _require_mesh(self) -> None:
        if self._state.gateway_url is None:
            raise CommandError("The mesh has not started yet.")

    def _require_writable(self) -> None:
        self._require_mesh()
        if self._state.mode is Mode.FREEZE:
            raise CommandError("The mode is freeze: no action is executed until it changes.")


def _failed(action: Action, reason: str) -> str:
    return f"{describe_action(action).capitalize()}: {reason.rstrip('.')}."
