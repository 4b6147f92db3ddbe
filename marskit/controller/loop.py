"""The MAPE-K loop itself: a cycle is one coroutine, and the gate controls every phase."""

import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

from marskit.controller.asking import Asking, analyses
from marskit.controller.bus import Bus
from marskit.controller.notices import Notices, describe
from marskit.controller.parameters import RunParameters
from marskit.controller.phases.approval import REJECTED, Approval, ApprovalVerdict
from marskit.controller.phases.counts import CycleCounts
from marskit.controller.phases.effects import Effects
from marskit.controller.phases.executor import ActionWriter
from marskit.controller.phases.gate import Gate
from marskit.controller.phases.sampler import Sampler
from marskit.controller.plan_phase import Decider, Intervention
from marskit.controller.review import Proposal, Review
from marskit.controller.watchers.canaries import Canaries, Retreat
from marskit.controller.watchers.rollback import RollbackWatcher
from marskit.domain.actions import Action, Scale
from marskit.domain.diagnosis import Diagnosis, Severity, unknown_diagnosis
from marskit.domain.events import Event, Observed
from marskit.domain.loop_events import (
    Analysed,
    CycleCompleted,
    CycleNotStored,
    ExecuteEnded,
    Monitored,
    PhaseStarted,
    Planned,
)
from marskit.domain.observation import Observation
from marskit.domain.plan import Plan, Prediction
from marskit.domain.records import Cycle, Effect, Execution, Mode, Origin, Outcome, Phase
from marskit.domain.shortfall import ShortfallKind
from marskit.knowledge.port import Knowledge
from marskit.load.port import Load
from marskit.mapek.analyse.analyse import analyse
from marskit.mapek.analyse.memory import Memory
from marskit.mapek.plan.shield import Shield
from marskit.mesh.port import Mesh
from marskit.planning import Planner, PlanningView
from marskit.system.cpu_meter import CpuMeter
from marskit.system.run_to_completion import to_the_end
from marskit.timing.clock import Clock

_APPROVED = ApprovalVerdict(approved=True, reason="")
_GUARD_FIRST = ApprovalVerdict(approved=False, reason="a rollback takes precedence")


class Loop:
    """Runs Monitor, Analyse, Plan, Execute and Knowledge as far as the gate allows.

    It only awaits, never blocks: while it waits for the gate or for a person, telemetry and commands
    continue.
    """

    def __init__(
        self,
        *,
        mesh: Mesh,
        load: Load,
        knowledge: Knowledge,
        planner: Planner,
        shield: Shield,
        parameters: RunParameters,
        bus: Bus,
        clock: Clock,
        gate: Gate,
        approval: Approval,
        telemetry: Sampler,
        writer: ActionWriter,
        effects: Effects,
        notices: Notices,
        decider: Decider,
        asking: Asking,
        guard: RollbackWatcher,
        canaries: Canaries,
        memory: Memory,
    ) -> None:
        self._planner = planner
        self._deciding: Planner | None = None
        """The planner that is being asked."""
        self._asked_last = planner.name
        self._mesh = mesh
        self._load = load
        self._knowledge = knowledge
        self._shield = shield
        self._parameters = parameters
        self._bus = bus
        self._clock = clock
        self._gate = gate
        self._approval = approval
        self._telemetry = telemetry
        self._writer = writer
        self._effects = effects
        self._notices = notices
        self._decider = decider
        self._asking = asking
        self._guard = guard
        self._canaries = canaries
        self._memory = memory
        self._expected: Prediction | None = None
        """The prediction for the plan that is being executed."""
        self._between: list[Execution] = []
        self._effects_seen: tuple[Effect, ...] = ()
        self._counts = CycleCounts()
        self._told: set[ShortfallKind] = set()
        self._fails_to_store = False
        self._cpu = CpuMeter()
        self._review = Review(
            approval=approval,
            bus=bus,
            clock=clock,
            mesh=mesh,
            period_s=parameters.period_s,
            look=self._look,
            decide=self._proposed,
        )
        bus.subscribe(self._note_effects)

    @property
    def planner(self) -> Planner:
        """The planner for the next Plan phase."""
        return self._planner

    async def replace_planner(self, planner: Planner) -> None:
        """Let another planner decide from the next Plan phase on.

        The former one is closed at once, or after its present decision, which still counts.
        """
        former, self._planner = self._planner, planner
        if former is not self._deciding:
            await self._asking.close(former)

    def note(self, execution: Execution) -> None:
        """Add an execution, of any origin, to the record of the next completed cycle."""
        self._between.append(execution)
        observation = self._bus.state.observation
        if observation is not None:
            ours = execution.origin in (Origin.PLANNER, Origin.GUARD)
            self._effects.watch(execution, observation, self._expected if ours else None)

    def _note_effects(self, event: Event) -> None:
        # At each observation, not each cycle: a paused loop would measure effects on a much later window.
        if not isinstance(event, Observed):
            return
        now_s, waits = self._clock.now(), self._approval.awaited is not None
        if waits and self._canaries.look_meanwhile(now_s, self._parameters.period_s):
            self._approval.drop(_GUARD_FIRST)
        for read in self._effects.due(
            now_s, self._mesh.configuration, lambda since_s: self._telemetry.observe(since_s=since_s)
        ):
            self._effects_seen = (*self._effects_seen, read.effect)
            if self._guard.read(read):
                # The waiting plan was made for a state that is about to be rolled back.
                self._approval.drop(_GUARD_FIRST)

    def view(self, observation: Observation | None = None) -> PlanningView:
        """The view of planner and shield; `observation` is the newest one by default."""
        return PlanningView(
            now_s=self._clock.now(),
            speed=self._load.scenario.speed,
            topology=self._mesh.topology,
            configuration=self._mesh.configuration,
            goals=self._parameters.goals,
            observation=observation or self._telemetry.observe(),
            recent=self._telemetry.recent,
            cycles=self._bus.state.cycles,
            held=self._canaries.held,
        )

    async def run(self) -> None:
        """Run cycles until cancelled."""
        await self._telemetry.begun()
        for number in itertools.count(1):
            await self._turn(number)

    async def _turn(self, number: int) -> None:
        await self._enter(number, Phase.MONITOR)
        started_at_s = self._clock.now()
        # A reading that is merely late is waited for.
        await self._telemetry.stale()
        observation = self._telemetry.observe()
        effects, self._effects_seen = self._effects_seen, ()
        self._bus.publish(Monitored(self._clock.now(), number, observation))

        await self._enter(number, Phase.ANALYSE)
        diagnosis = await self._diagnosed(observation)
        self._bus.publish(Analysed(self._clock.now(), number, diagnosis))

        await self._enter(number, Phase.PLAN)
        proposal = await self._proposed(observation, diagnosis)
        self._bus.publish(Planned(self._clock.now(), number, proposal.plan))

        await self._enter(number, Phase.EXECUTE)
        mode = self._bus.state.mode
        verdict, proposal = await self._verdict(number, mode, proposal)
        await self._execute(mode, verdict, proposal)
        self._bus.publish(ExecuteEnded(self._clock.now(), number))

        await self._enter(number, Phase.KNOWLEDGE)
        executions, self._between = tuple(self._between), []
        entered, client = self._counts.since_last(observation)
        cycle = Cycle(
            id=number,
            started_at_s=started_at_s,
            ended_at_s=self._clock.now(),
            mode=mode,
            planner=self._asked_last,
            observation=proposal.view.observation,
            diagnosis=proposal.diagnosis,
            plan=proposal.plan,
            executions=executions,
            effects=effects,
            cpu_ms=self._cpu.take_ms(),
            entered=entered,
            client=client,
        )
        # From here on the cycle may be on disk, so an end of the run waits until it is complete.
        await to_the_end(self._remember(cycle))

    async def _diagnosed(self, observation: Observation) -> Diagnosis:
        """Analyse's diagnosis, or that nothing is known: no decision rests on old telemetry."""
        if (stale := await self._telemetry.stale()) is not None:
            return unknown_diagnosis(stale)
        self._canaries.look(self._clock.now())
        async with self._asked() as planner:
            diagnosis = self._analyse(observation)
            if analyses(planner):
                diagnosis = await self._asking.analyse(planner, diagnosis, self.view(observation))
        return diagnosis

    async def _planned(
        self, planner: Planner, diagnosis: Diagnosis, view: PlanningView
    ) -> tuple[Plan, Intervention | None]:
        stale = diagnosis.unknown or await self._telemetry.stale()
        if stale is not None:
            return Plan(planner.name, (), (), f"Nothing is planned. {stale}"), None
        return await self._decider.decide(planner, diagnosis, view)

    async def _proposed(self, observation: Observation, diagnosis: Diagnosis) -> Proposal:
        async with self._asked() as planner:
            view = self.view(observation)
            plan, guards = await self._planned(planner, diagnosis, view)
        return Proposal(plan, guards, view, diagnosis)

    async def _look(self) -> tuple[Observation, Diagnosis]:
        """Monitor and Analyse again while a plan awaits approval."""
        self._cpu.start()
        observation = self._telemetry.observe()
        diagnosis = await self._diagnosed(observation)
        self._cpu.pause()
        return observation, diagnosis

    @asynccontextmanager
    async def _asked(self) -> AsyncIterator[Planner]:
        """The planner in force, while it is being asked; it may be replaced meanwhile."""
        planner = self._deciding = self._planner
        self._asked_last = planner.name
        try:
            yield planner
        finally:
            self._deciding = None
            if planner is not self._planner:
                await self._asking.close(planner)

    async def _enter(self, number: int, phase: Phase) -> None:
        self._cpu.pause()
        await self._gate.wait_for(phase)
        self._cpu.start()
        self._bus.publish(PhaseStarted(self._clock.now(), number, phase))

    def _analyse(self, observation: Observation) -> Diagnosis:
        last = self._bus.state.cycles[-1].executions if self._bus.state.cycles else ()
        return analyse(
            observation,
            topology=self._mesh.topology,
            goals=self._parameters.goals,
            configuration=self._mesh.configuration,
            actions=sum(e.outcome is Outcome.APPLIED for e in (*last, *self._between)),
            period_s=self._parameters.period_s,
            canaries=self._canaries.symptoms(self._mesh.configuration),
            memory=self._memory,
            speed=self._load.scenario.speed,
        )

    async def _execute(self, mode: Mode, verdict: ApprovalVerdict, proposal: Proposal) -> None:
        plan, guards, view = proposal.plan, proposal.guards, proposal.view
        if plan.actions and verdict.approved and (stale := await self._telemetry.stale()) is not None:
            verdict = ApprovalVerdict(approved=False, reason=stale.rstrip("."))
        if isinstance(guards, Retreat) and verdict.reason == REJECTED:
            self._canaries.leave(guards.canaries)
        # The prediction of a plan that awaited approval was made for another moment.
        waited_s = self._clock.now() - view.now_s
        self._expected = plan.prediction if waited_s <= self._parameters.period_s else None
        done: list[Execution] = []
        for actions in _together(plan.actions):
            # The mode may change meanwhile; its restrictions apply at once.
            now = self._bus.state.mode
            if verdict.approved and now in (mode, Mode.AUTO):
                done += await self._write(actions, guards)
            else:
                reason = verdict.reason or f"the mode changed to {now}"
                done += [await self._writer.withhold(each, _origin(guards), reason) for each in actions]
        if guards is None and self._expected is not None:
            self._guard.watch(plan, view.observation, tuple(done))
        self._expected = None

    async def _write(self, actions: Sequence[Action], guards: Intervention | None) -> list[Execution]:
        """Execute the actions that are still safe, because they may have waited since planning."""
        origin = _origin(guards)
        done: list[Execution] = []
        allowed: list[Action] = []
        for action in actions:
            left, changes = self._shield.check((action,), self.view(), self._bus.state.executions)
            if not left:
                reason = changes[-1].sentence.rstrip(".")
                done.append(await self._writer.withhold(action, origin, reason))
                continue
            for change in changes:
                self._notices.tell("shield", change.sentence, Severity.INFO)
            allowed += left
        undoes = [guards.execution(action) if guards else None for action in allowed]
        return [*done, *await self._writer.write_together(allowed, origin, undoes=undoes)]

    async def _verdict(self, number: int, mode: Mode, proposal: Proposal) -> tuple[ApprovalVerdict, Proposal]:
        """The verdict on the plan, or on the one that replaced it while it awaited approval."""
        match mode:
            case Mode.AUTO:
                return _APPROVED, proposal
            case Mode.RECOMMEND | Mode.FREEZE:
                return ApprovalVerdict(approved=False, reason=f"mode {mode}"), proposal
            case Mode.APPROVE:
                if not proposal.plan.actions:
                    return _APPROVED, proposal
                self._cpu.pause()
                reviewed = await self._review.wait(number, proposal)
                self._cpu.start()
                return reviewed

    async def _remember(self, cycle: Cycle) -> None:
        let_go: str | None = None
        try:
            let_go = await self._knowledge.append(cycle)
        except Exception as error:
            now_s, why = self._clock.now(), f"Cycle {cycle.id} could not be stored: {describe(error)}"
            if not self._fails_to_store:
                self._bus.publish(CycleNotStored(now_s, cycle.id, why))
            self._fails_to_store = True
        else:
            self._fails_to_store = False
        self._bus.publish(CycleCompleted(cycle))
        for each in self._bus.state.account.shortfalls(self._clock.now()):
            if each.kind in (ShortfallKind.STARVED, ShortfallKind.UNSERVED) and each.kind not in self._told:
                self._told.add(each.kind)
                self._notices.tell("load", each.sentence, Severity.CRITICAL)
        if let_go is not None:
            self._notices.tell("knowledge", let_go)


def _together(actions: Sequence[Action]) -> Iterator[tuple[Action, ...]]:
    """The actions in order, in groups that can be executed at once, such as scalings of several workloads."""
    part: list[Action] = []
    for action in actions:
        others = [each.workload for each in part if isinstance(each, Scale)]
        if part and not (isinstance(action, Scale) and others and action.workload not in others):
            yield tuple(part)
            part = []
        part.append(action)
    if part:
        yield tuple(part)


def _origin(guards: Intervention | None) -> Origin:
    return Origin.GUARD if guards else Origin.PLANNER
