"""The turns of the loop: steps, runs of some cycles, and running by itself."""

from collections.abc import Callable
from typing import Literal

from marskit.domain.commands import Run, SetPace, StepCycle, StepPhase
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.loop_events import (
    Analysed,
    ApprovalAwaited,
    CycleCompleted,
    ExecuteEnded,
    Monitored,
    Planned,
)
from marskit.domain.observation import Observation
from marskit.domain.plan import Plan
from marskit.domain.records import Cycle, Execution, Mode, Phase
from marskit.domain.state import State
from marskit.lab.acts import Acts
from marskit.lab.inputs import LabError
from marskit.lab.records import Cycles
from marskit.views.current import executions_of

LIVE_PACE = 10.0
"""Pace of the twin while it runs by itself, in its seconds per real second, unless the lab has one."""
_PHASE_ENDS = (Monitored, Analysed, Planned, ExecuteEnded, CycleCompleted, ApprovalAwaited)
_CYCLE_ENDS = (CycleCompleted, ApprovalAwaited)

Done = Observation | Diagnosis | Plan | tuple[Execution, ...] | Cycle
"""What one phase produces."""


class Turns(Acts):
    """The loop's part of a lab."""

    @property
    def cycles(self) -> Cycles:
        """All completed cycles, oldest first."""
        return Cycles(self._watch.cycles)

    def step(self, what: Literal["cycle", "phase"] = "cycle") -> Done:
        """Finish the cycle under way or run a whole one, or only the next phase, then pause.

        In mode `approve`, it also returns when a plan awaits approval.

        >>> import marskit as mk
        >>> with mk.Lab("twin") as lab:
        ...     observation = lab.step("phase")
        ...     diagnosis = lab.step("phase")
        ...     cycle = lab.step()
        >>> cycle.observation == observation and cycle.diagnosis == diagnosis
        True

        Returns:
            The cycle, or what the phase produced: an `Observation`, a `Diagnosis`, a `Plan`, the executions,
            or the recorded `Cycle`.
        """
        if what not in ("cycle", "phase"):
            raise LabError(f'A step is a "cycle" or a "phase", not {what!r}.')
        self.ready()
        self._require_pace()
        self._by_phases = what == "phase"
        ends = _PHASE_ENDS if self._by_phases else _CYCLE_ENDS
        before = self._watch.count(*ends)
        self._tell(StepPhase() if self._by_phases else StepCycle(), "The step")
        self._wait(lambda state: self._watch.count(*ends) > before and self._rests(state), "The step")
        return _produced(self.state)

    def run(self, cycles: int = 1, until: Callable[[State], bool] | None = None) -> Cycles:
        """Run some cycles, then pause; an interrupt (Ctrl-C) pauses the loop, and the lab lives.

        In mode `approve`, it also returns when a plan awaits approval; the rest follows after `approve`.

        >>> import marskit as mk
        >>> with mk.Lab("twin", planner="static") as lab:
        ...     calm = lab.run(20, until=lambda state: state.cycles[-1].diagnosis.slo_met is False)
        >>> [cycle.id for cycle in calm if cycle.diagnosis.slo_met is False] == [calm[-1].id]
        True

        Args:
            cycles: Number of cycles, at most.
            until: Stop after the first cycle for which this function of the state is true.

        Returns:
            The completed cycles.
        """
        begun = len(self._watch.cycles)
        if until is None:
            self._run(cycles)
        else:
            # One by one: in virtual time, the loop would be far ahead by the time of the answer.
            for _ in range(cycles):
                self._run(1)
                if until(self.state) or self._is_waiting(self.state):
                    break
        return Cycles(self._watch.cycles[begun:])

    def start(self) -> None:
        """Let the loop run by itself, one cycle every period, until `pause`; returns at once."""
        self.ready()
        self._by_phases = False
        if self._has_pace and self._pace is None:
            self._tell(SetPace(LIVE_PACE), "The start of the loop")
        self._tell(Run(), "The start of the loop")

    def _run(self, cycles: int) -> None:
        self.ready()
        self._require_pace()
        self._by_phases = False
        before = self._watch.count(ApprovalAwaited)
        self._tell(Run(cycles), "The run")
        self._wait(
            lambda state: (
                self._watch.count(ApprovalAwaited) > before or (not state.running and self._rests(state))
            ),
            "A cycle of the run",
        )

    def _require_pace(self) -> None:
        """Undo the pace of `start`; while a plan awaits a person, the twin's time must not race."""
        wanted = LIVE_PACE if self._pace is None and self.state.mode is Mode.APPROVE else self._pace
        if self._has_pace and self.state.pace != wanted:
            self._tell(SetPace(wanted), "The change of the pace")

    def _is_waiting(self, state: State) -> bool:
        return state.cycle is not None and state.cycle.awaiting_approval

    @property
    def _has_pace(self) -> bool:
        """Whether the mesh's time is the twin's, not the real one."""
        return self.state.started is not None and self.state.started.capabilities.can_hold_time


def _produced(state: State) -> Done:
    """What the phase that has just ended produced."""
    cycle = state.cycle
    assert cycle is not None
    produced: Done | None = None
    match cycle.phase:
        case Phase.MONITOR:
            produced = cycle.observation
        case Phase.ANALYSE:
            produced = cycle.diagnosis
        case Phase.PLAN:
            produced = cycle.plan
        case Phase.EXECUTE:
            produced = cycle.plan if cycle.awaiting_approval else executions_of(state)
        case Phase.KNOWLEDGE:
            produced = state.cycles[-1]
    assert produced is not None
    return produced
