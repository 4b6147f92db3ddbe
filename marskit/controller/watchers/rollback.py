"""Watches the effects of plans, and plans a rollback if they are worse than predicted."""

from collections import deque
from dataclasses import dataclass

from marskit.controller.notices import Notices
from marskit.controller.phases.effects import ReadEffect
from marskit.controller.phases.executor import ActionWriter
from marskit.domain.actions import Action
from marskit.domain.events import (
    ConfigurationChanged,
    Event,
    FaultEnded,
    FaultInjected,
    LoadLost,
    ScenarioChanged,
    TelemetryLost,
)
from marskit.domain.goals import Goals
from marskit.domain.loop_events import Executed
from marskit.domain.observation import Observation
from marskit.domain.plan import Candidate, Plan
from marskit.domain.records import Execution, Outcome
from marskit.mapek.execute.rollback_rule import complaint

NAME = "guard"
REMEMBERED_S = 600.0
"""How long events are remembered, in seconds: longer than any plan waits for its effects."""


def guards_plan(actions: tuple[Action, ...], reason: str, instead_of: Plan) -> Plan:
    """The rollback's plan, with the planner's own plan as a candidate."""
    planner = Candidate(instead_of.actions, f"Planned by {instead_of.planner}: {instead_of.reason}")
    return Plan(NAME, (Candidate(actions, reason), planner), actions, reason)


@dataclass(frozen=True, slots=True)
class Rollback:
    """Executions to roll back, the newest first, and why."""

    executions: tuple[Execution, ...]
    sentence: str

    def plan(self, instead_of: Plan) -> Plan:
        """The rollback's plan, with the planner's own plan as a candidate."""
        inverses = tuple(e.inverse for e in self.executions if e.inverse is not None)
        reason = f"{self.sentence} It is rolled back."
        return guards_plan(inverses, reason, instead_of)

    def execution(self, action: Action) -> int | None:
        """The execution that this action undoes as a whole."""
        return next((e.id for e in self.executions if e.inverse == action), None)


@dataclass(frozen=True, slots=True)
class _Watched:
    """An executed plan whose effects have not all been measured yet."""

    plan: Plan
    before: Observation
    executions: tuple[Execution, ...]
    unread: frozenset[int]
    """The executions whose effects are not known yet."""

    @property
    def since_s(self) -> float:
        """Start of the time in which nothing else may have happened."""
        return self.before.at_s - self.before.window_s


class RollbackWatcher:
    """Judges each planner's plan once, when its effects are measured and have no other possible cause."""

    def __init__(self, goals: Goals, writer: ActionWriter, notices: Notices, *, enabled: bool) -> None:
        self._goals = goals
        self._writer = writer
        self._notices = notices
        self._enabled = enabled
        self._watched: list[_Watched] = []
        self._happened: deque[tuple[float, int | None]] = deque()
        """Times at which the mesh, its load or its faults changed, and the execution behind each change."""
        self._pending: tuple[Rollback, float] | None = None
        self._told_blind = False

    def note(self, event: Event) -> None:
        """Record events that may change latencies besides the plan that is watched."""
        match event:
            case Executed(execution):
                if execution.outcome in (Outcome.APPLIED, Outcome.UNKNOWN):
                    self._remember(execution.at_s, execution.id)
            case FaultInjected(at_s) | FaultEnded(at_s) | ScenarioChanged(at_s):
                self._remember(at_s, None)
            case ConfigurationChanged(at_s) | LoadLost(at_s) | TelemetryLost(at_s):
                # What others did, or what happened while nothing was seen, is not the plan's doing.
                self._remember(at_s, None)
            case _:
                pass

    def watch(self, plan: Plan, before: Observation, executions: tuple[Execution, ...]) -> None:
        """Judge the plan as soon as its effects are measured, if it was carried out as predicted."""
        if not self._enabled or not executions or plan.prediction is None:
            return
        if plan.prediction.p95_tolerance_percent is None:
            self._tell_blind()
            return
        if all(
            e.outcome is Outcome.APPLIED and e.inverse is not None and e.action == action
            for e, action in zip(executions, plan.actions, strict=True)
        ):
            self._watched.append(_Watched(plan, before, executions, frozenset(e.id for e in executions)))

    def read(self, read: ReadEffect) -> bool:
        """Take an effect; True if there is now something to roll back."""
        for index, watched in enumerate(self._watched):
            if read.effect.execution not in watched.unread:
                continue
            left = watched.unread - {read.effect.execution}
            if left:
                self._watched[index] = _Watched(watched.plan, watched.before, watched.executions, left)
                return False
            del self._watched[index]
            return self._judge(watched, read.after)
        return False

    def pending(self) -> Rollback | None:
        """What the next plan should roll back; dropped if it was undone or anything else happened."""
        if self._pending is None:
            return None
        take_back, since_s = self._pending
        if self._is_alone(take_back.executions, since_s):
            return take_back
        self._pending = None
        return None

    def planned(self) -> None:
        """It was planned, and is not planned again whatever its outcome."""
        self._pending = None

    def _judge(self, watched: _Watched, after: Observation) -> bool:
        if not self._is_alone(watched.executions, watched.since_s):
            return False
        sentence = complaint(watched.plan, watched.before, after, self._goals)
        if sentence is None:
            return False
        self._pending = Rollback(watched.executions[::-1], sentence), watched.since_s
        self._notices.tell(NAME, f"{sentence} The next plan rolls it back.")
        return True

    def _remember(self, at_s: float, execution: int | None) -> None:
        self._happened.append((at_s, execution))
        while self._happened[0][0] < at_s - REMEMBERED_S:
            self._happened.popleft()

    def _is_alone(self, executions: tuple[Execution, ...], since_s: float) -> bool:
        """Whether nothing but these executions happened since then, and none of them is undone."""
        ours = {execution.id for execution in executions}
        others = [number for at_s, number in self._happened if at_s >= since_s and number not in ours]
        return not others and not any(self._writer.is_undone(number) for number in ours)

    def _tell_blind(self) -> None:
        if not self._told_blind:
            self._told_blind = True
            self._notices.tell(
                NAME,
                "The guard is off: no calibration card matches this mesh, so the prediction "
                "error is unknown.",
            )
