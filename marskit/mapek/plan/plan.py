"""Plan: a planner proposes, the shield disposes."""

from collections.abc import Sequence
from dataclasses import replace

from marskit.domain.records import Diagnosis, Execution, Plan
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
        planner: Who decides.
        shield: What holds for every planner alike.
        diagnosis: What Analyse concluded in this cycle.
        view: All that the planner may look at.
        executions: Earlier executions of the run, for the cool-downs.
    """
    plan = planner.plan(diagnosis, view)
    actions, changes = shield.check(plan.proposed, view, executions)
    return replace(plan, actions=actions, shield=changes)
