"""Plan: a planner proposes, the shield disposes."""

from collections.abc import Sequence
from dataclasses import replace

from marskit.domain.records import Execution, Plan
from marskit.mapek.plan.shield import Shield
from marskit.planning import PlanningView


def shielded(plan: Plan, shield: Shield, view: PlanningView, executions: Sequence[Execution]) -> Plan:
    """The planner's plan with `actions` and `shield` filled in.

    Args:
        plan: What the planner wants.
        shield: What holds for every planner alike.
        view: What the planner could look at.
        executions: Earlier executions of the run, for the cool-downs.
    """
    actions, changes = shield.check(plan.proposed, view, executions)
    return replace(plan, actions=actions, shield=changes)
