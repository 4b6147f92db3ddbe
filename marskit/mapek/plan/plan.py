"""Plan: a planner proposes actions, the shield decides which are allowed."""

from collections.abc import Sequence
from dataclasses import replace

from marskit.domain.plan import Plan
from marskit.domain.records import Execution
from marskit.mapek.plan.shield import Shield
from marskit.planning import PlanningView


def shielded(plan: Plan, shield: Shield, view: PlanningView, executions: Sequence[Execution]) -> Plan:
    """The planner's plan with `actions` and `shield` filled in.

    Args:
        plan: The plan of the planner.
        shield: The rules that hold for every planner.
        view: Everything the planner could read.
        executions: Earlier executions of the run, for the cool-downs.
    """
    actions, changes = shield.check(plan.proposed, view, executions)
    return replace(plan, actions=actions, shield=changes)
