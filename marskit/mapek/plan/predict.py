"""Adds the twin's predictions to a plan: for its actions, for doing nothing and for other candidates."""

from dataclasses import replace

from marskit.domain.plan import Plan
from marskit.domain.topology import GATEWAY
from marskit.mapek.analyse.utility import entry_services
from marskit.mapek.execute.effect import facing_service
from marskit.planning import PlanningView, Predictor

MOST_OTHERS = 4
"""Largest number of other candidates to predict; each costs processor time."""


def explain(plan: Plan, preview: Predictor, view: PlanningView) -> Plan:
    """The plan, after the shield, with its predictions as far as the twin can make them."""
    entered = view.topology.callees(GATEWAY)
    services = [s for s in entry_services(view.topology, view.goals) if s in entered] or list(entered)
    if not services:
        return plan
    service = services[0]
    if plan.actions:
        faces = facing_service(plan.actions[0], view.topology, view.goals, view.configuration)
        service = faces if faces in services else service
    first = dict.fromkeys((plan.actions, ()))
    others = [c.actions for c in plan.candidates if c.actions not in first]
    wanted = tuple(dict.fromkeys((*first, *others[:MOST_OTHERS])))
    expected = dict(zip(wanted, preview.predict(wanted, service, view), strict=True))
    return replace(
        plan,
        candidates=tuple(replace(c, prediction=expected.get(c.actions)) for c in plan.candidates),
        prediction=expected[plan.actions],
        nothing=expected[()],
    )
