"""Runs a branch and its control to the end of the recording, and compares all three."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from marskit.assembly.settings import Settings
from marskit.branching.build import Built, build_branch
from marskit.branching.past import BranchPoint, Due
from marskit.controller.batch import StopAfterCycles
from marskit.domain.actions import SetOutlierDetection
from marskit.domain.commands import Act, Command, CommandError, Inject, Run
from marskit.domain.events import Event, MeshReady, RunEnded, RunStarted
from marskit.domain.loop_events import CycleCompleted, Executed
from marskit.domain.records import Cycle, Outcome
from marskit.domain.state import State
from marskit.knowledge.record import Record, RunRecords, figures
from marskit.mapek.analyse.utility import entry_services
from marskit.replay.branched import AS_RECORDED, Branched, Headline, Moment, ReplayError, Side
from marskit.replay.timeline import Timeline
from marskit.text import plural
from marskit.timing.virtual_loop import VirtualLoop

_EPSILON = 1e-6

Progress = Callable[[str, int, int], None]
"""Receives the planner in charge, the number of its cycles done, and their total."""


def branch(
    timeline: Timeline,
    past: BranchPoint,
    planner: str,
    settings: Settings,
    *,
    cycles: int | None = None,
    progress: Progress = lambda planner, done, of: None,
) -> Branched:
    """Let the planner decide from there on, and repeat the recorded actions as a control; both are recorded.

    Args:
        timeline: The recorded run.
        past: Where the branch leaves the run.
        planner: The planner that decides instead.
        settings: As for `build_branch`.
        cycles: Number of cycles, at least 2 so that there is something to compare; None goes to the end of
            the recording.
        progress: Receives progress.

    Raises:
        ReplayError: The branch cannot be run; `build_branch` raises other errors.
    """
    # Cycles of a real mesh begin slightly early or late.
    there = 1 + round((past.last_s - past.at_s) / past.started.period_s + _EPSILON)
    count = there if cycles is None else min(cycles, there)

    def run(name: str, due: Sequence[Due]) -> "_Side":
        side = _Side(lambda done: progress(name, done, count))
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(_run(past, name, settings, due, count, side))
        if side.ended is not None and side.ended.reason:
            raise ReplayError(f"The branch ended early: {side.ended.reason}")
        return side

    branched = run(planner, past.outside)
    due = sorted((*past.outside, *past.actions), key=lambda each: each[0])
    control = run(AS_RECORDED, due)
    recorded = _Side()
    for event in timeline.events:
        recorded.note(event)
    sides = recorded, control, branched
    end_s = min(side.cycles[-1].started_at_s for side in sides)
    if cycles is not None:
        end_s = min(end_s, past.at_s + (cycles - 1) * past.started.period_s)
    entry = _entry(past.started)
    slo = past.started.goals.slo(entry) if entry else None
    return Branched(
        cycle=past.cycle,
        at_s=past.at_s,
        end_s=end_s,
        service=entry or "",
        slo_ms=slo.latency_ms if slo else None,
        recorded=recorded.side(past, end_s, planner=past.state.planner),
        control=control.side(past, end_s),
        branch=branched.side(past, end_s),
        notes=tuple(_notes(past, recorded, control)),
    )


async def _run(
    past: BranchPoint, planner: str, settings: Settings, due: Sequence[Due], cycles: int, side: "_Side"
) -> None:
    """Run one branch until that many cycles are done."""
    built = await build_branch(past, planner, settings)
    running = asyncio.ensure_future(built.controller.run())
    ready = asyncio.Event()

    def sink(event: Event) -> None:
        side.note(event)
        if isinstance(event, MeshReady | RunEnded):
            ready.set()

    built.controller.bus.subscribe(sink)
    built.controller.bus.subscribe(StopAfterCycles(running.cancel, cycles))
    driving = asyncio.ensure_future(_drive(built, past, due, ready, side))
    try:
        with suppress(asyncio.CancelledError):
            await running
    finally:
        driving.cancel()
        await asyncio.wait({driving})
    if not driving.cancelled() and (error := driving.exception()) is not None:
        raise error


async def _drive(
    built: Built, past: BranchPoint, due: Sequence[Due], ready: asyncio.Event, side: "_Side"
) -> None:
    """Start the loop when the recorded cycle began, and send the recorded commands at their times."""
    await ready.wait()
    # One sample of the past gives the first reading a beginning.
    await built.clock.sleep(past.at_s - built.clock.now())
    controller = built.controller
    for fault in past.state.faults:
        await controller.handle(Inject(fault))
    await controller.handle(Run())
    async with asyncio.TaskGroup() as group:
        for at_s, command in due:
            await built.clock.sleep(max(0.0, at_s - built.clock.now()))
            # Not awaited: new replicas take time, and the next command is due at its own time.
            group.create_task(_do(controller.handle, command, side))


async def _do(handle: Callable[[Command], Awaitable[None]], command: Command, side: "_Side") -> None:
    try:
        await handle(command)
    except CommandError as error:
        side.refused.append(str(error))


class _Side(RunRecords):
    """The events that are kept of one side."""

    def __init__(self, progress: Callable[[int], None] = lambda done: None) -> None:
        super().__init__()
        self.refused: list[str] = []
        """Recorded actions and faults that the twin rejected."""
        self._applied: dict[int, float] = {}
        self._progress = progress

    def note(self, event: Event) -> None:
        """Take the next event."""
        super().note(event)
        match event:
            case Executed(execution, _) if execution.outcome is Outcome.APPLIED:
                self._applied[execution.id] = execution.at_s
            case CycleCompleted():
                self._progress(len(self.cycles))
            case _:
                pass

    def side(self, past: BranchPoint, end_s: float, planner: str | None = None) -> Side:
        """This side from the beginning of the recorded cycle until `end_s`."""
        assert self.started is not None
        half_s = past.started.period_s / 2
        mine = [r for r in self.records if past.at_s - _EPSILON <= r.cycle.started_at_s <= end_s + half_s]
        # The first cycle looks back at the time before the branch: only its actions count.
        counted = figures((replace(mine[0], covers_s=0.0), *mine[1:]))
        entry = _entry(self.started)
        actions_s = sorted(at_s for at_s in self._applied.values() if past.at_s <= at_s < end_s - _EPSILON)
        return Side(
            run=self.started.run,
            is_simulated=self.started.capabilities.is_simulated,
            planner=planner or self.started.planner,
            moments=tuple(_moment(record, entry) for record in mine),
            actions_s=tuple(actions_s),
            headline=Headline(
                violation_minutes=counted.violation_minutes,
                replica_minutes=counted.replica_minutes,
                failed_requests=counted.failed_requests,
                actions=len(actions_s),
            ),
        )


def _moment(record: Record, entry: str | None) -> Moment:
    seen = record.cycle.observation
    return Moment(
        at_s=record.cycle.started_at_s,
        p95_ms=next((s.latency.p95_ms for s in seen.services if s.service == entry), None),
        replicas_ready=record.replicas_ready,
        violated=record.slo_met is False,
    )


def _entry(started: RunStarted) -> str | None:
    return next(iter(entry_services(started.topology, started.goals)), None)


def _notes(past: BranchPoint, recorded: _Side, control: _Side) -> Iterable[str]:
    """Why the sides are not fully comparable."""
    if past.by_persons:
        yield f"The branch leaves out {plural(past.by_persons, 'manual action')} after that moment."
    if any(isinstance(c, Act) and isinstance(c.action, SetOutlierDetection) for _, c in past.actions):
        yield "The twin does not simulate outlier detection."
    now = _ready(past.state)
    for workload, there in _ready_of(control.cycles[0]).items():
        if now.get(workload, there) != there:
            yield f"At that moment, {workload} had {now[workload]} ready replicas, in the twin {there}."
    unknown = sum(e.outcome is Outcome.UNKNOWN for c in recorded.cycles for e in c.executions)
    if unknown:
        yield f"{plural(unknown, 'action')} with unknown outcome left out of the twin."
    if control.refused:
        yield f"The twin rejected a recorded action or fault: {control.refused[0]}"


def _ready(state: State) -> dict[str, int]:
    seen = state.observation
    return {w.workload: w.replicas_assumed for w in seen.workloads} if seen else {}


def _ready_of(cycle: Cycle) -> dict[str, int]:
    return {w.workload: w.replicas_assumed for w in cycle.observation.workloads}
