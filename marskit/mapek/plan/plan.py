"""Plan: a planner proposes actions, the shield decides which are allowed."""

from collections.abc import Sequence
from dataclasses import replace

from marskit.domain.diagnosis import Diagnosis
from marskit.domain.plan import Plan
from marskit.domain.records import Execution
from marskit.mapek.plan.shield import Shield
from marskit.planning import Planner, PlanningView


def decide(
    planner: Planner,
    shield: Shield,
    diagnosis: Diagnosis,
    view: PlanningView,
    executions: Sequence[Execution],
) -> Plan:
    """The planner's plan with `actions` and `shield` filled in.

    Args:
        planner: The planner that proposes.
        shield: The rules that hold for every planner.
        diagnosis: The diagnosis of this cycle.
        view: Everything the planner may read.
        executions: Earlier executions of the run, for the cool-downs.
    """
    plan = planner.plan(diagnosis, view)
    actions, changes = shield.check(plan.proposed, view, executions)
    return replace(plan, actions=actions, shield=changes)
