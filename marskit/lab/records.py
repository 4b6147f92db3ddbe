"""What a lab returns beside the records of the loop."""

from dataclasses import dataclass

from marskit.domain.commands import DryRun
from marskit.domain.plan import Prediction
from marskit.domain.records import Cycle, Outcome, Phase
from marskit.domain.state import State


class Cycles(tuple[Cycle, ...]):
    """Whole cycles, oldest first; printed and in a notebook, they are a table."""

    __slots__ = ()

    def __str__(self) -> str:
        """The table as text."""
        from marskit.lab.formats import cycles_bundle

        return cycles_bundle(self)["text/plain"]


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What an action would do now."""

    dry_run: DryRun
    """The diff, the command and its inverse, and what the shield would change."""
    prediction: Prediction | None = None
    """The twin's prediction in the newest plan, if that plan considered just this action."""
    nothing: Prediction | None = None
    """The twin's prediction for doing nothing, in the same plan."""


def what_if(dry_run: DryRun, state: State) -> WhatIf:
    """The dry run with the predictions of the newest plan, unless the mesh was changed after it."""
    cycle = state.cycle
    planned_s = cycle.ended_at_s(Phase.PLAN) if cycle is not None else None
    if cycle is None or cycle.plan is None or planned_s is None:
        return WhatIf(dry_run)
    if any(e.outcome is Outcome.APPLIED and e.at_s >= planned_s for e in state.executions):
        return WhatIf(dry_run)
    predicted = {candidate.actions: candidate.prediction for candidate in cycle.plan.candidates}
    predicted[cycle.plan.actions] = cycle.plan.prediction
    return WhatIf(dry_run, predicted.get((dry_run.action,)), cycle.plan.nothing)
