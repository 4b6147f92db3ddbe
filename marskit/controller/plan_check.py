"""Validates every plan against the records' types and the mesh, before it is shown, executed or recorded."""

from math import isfinite

from marskit.domain.actions import Action, Scale, SetOutlierDetection, SetRetries, SetTimeout, ShiftTraffic
from marskit.domain.plan import Plan
from marskit.knowledge.format.codec import CodecError, dumps, loads
from marskit.mapek.plan.weights import subset_key
from marskit.planning import PlanningView

MOST_CANDIDATES = 500
"""Largest number of candidates in a plan."""
MOST_ACTIONS = 100
"""Largest number of actions in a candidate or a plan."""
MOST_TEXT = 4000
"""Largest length of a reason, in characters."""
_LONGEST_MS = 24 * 3600 * 1000
"""Longest duration that an action may set: one day, in milliseconds."""


class InvalidPlan(Exception):
    """A plan that is refused; the message continues a sentence that begins with the planner's name."""


def checked(plan: object, view: PlanningView) -> Plan:
    """Check a plan and return it, made only of the declared types.

    Args:
        plan: What the planner returned.
        view: The view that the planner was given.

    Raises:
        InvalidPlan: It is not a plan, is too large, or names objects that the mesh lacks.
    """
    if not isinstance(plan, Plan):
        raise InvalidPlan(f"returned a {type(plan).__name__}; it must return a Plan")
    try:
        made = loads(dumps(plan, Plan), Plan)
    except CodecError as error:
        raise InvalidPlan(f"returned a plan that cannot be recorded: {str(error).rstrip('.')}") from error
    except Exception as error:
        raise InvalidPlan(f"returned a plan with a wrong field: {error}") from error
    _check_sizes(made)
    for candidate in made.candidates:
        if candidate.score is not None and not isfinite(candidate.score):
            raise InvalidPlan(f"gave a candidate the score {candidate.score}; it must be a finite number")
    for action in dict.fromkeys((*made.proposed, *(a for c in made.candidates for a in c.actions))):
        if (wrong := _unknown(action, view) or _out_of_range(action)) is not None:
            raise InvalidPlan(f"proposed {wrong}")
    return made


def _check_sizes(plan: Plan) -> None:
    if len(plan.candidates) > MOST_CANDIDATES:
        raise InvalidPlan(f"gave {len(plan.candidates)} candidates; at most {MOST_CANDIDATES} are allowed")
    most = max(len(actions) for actions in (plan.proposed, *(c.actions for c in plan.candidates)))
    if most > MOST_ACTIONS:
        raise InvalidPlan(f"proposed {most} actions at once; at most {MOST_ACTIONS} are allowed")
    longest = max(len(text) for text in (plan.reason, *(c.reason for c in plan.candidates)))
    if longest > MOST_TEXT:
        raise InvalidPlan(f"gave a reason of {longest} characters; at most {MOST_TEXT} are allowed")


def _unknown(action: Action, view: PlanningView) -> str | None:
    """Describe the object in the action that the mesh does not have; None if it has all."""
    configuration = view.configuration
    match action:
        case Scale(workload):
            known = [name for name, _ in configuration.replicas]
            if workload not in known:
                return f"to scale {_shown(workload)}; the workloads are {', '.join(known)}"
        case ShiftTraffic() | SetTimeout() | SetRetries():
            try:
                route = configuration.route(action.virtual_service, action.route)
            except KeyError:
                known = [route.label for route in configuration.routes]
                label = _shown(f"{action.virtual_service}[{action.route}]")
                return f"to change the route {label}; the routes are {', '.join(known)}"
            if isinstance(action, ShiftTraffic):
                subsets = [subset_key(destination) for destination in route.destinations]
                given = [name for name, _ in action.weights_percent]
                if sorted(given) != sorted(subsets):
                    found = _shown(", ".join(given)) or "none"
                    return f"weights for {found} of {route.label}, which splits between {', '.join(subsets)}"
        case SetOutlierDetection(rule):
            known = [setting.destination_rule for setting in configuration.outliers]
            if rule not in known:
                return f"to change the DestinationRule {_shown(rule)}; known are {', '.join(known)}"
    return None


def _out_of_range(action: Action) -> str | None:
    """Describe an impossible value in the action; the shield judges whether a value is wise."""
    match action:
        case SetTimeout(timeout_ms=int(timeout_ms)) if not 1 <= timeout_ms <= _LONGEST_MS:
            return f"a timeout of {timeout_ms} ms; it must be from 1 to {_LONGEST_MS}"
        case SetRetries(retries=retries) if retries is not None:
            if not 0 <= retries.attempts <= 100:
                return f"{retries.attempts} retries; the number must be from 0 to 100"
            per_try_ms = retries.per_try_timeout_ms
            if per_try_ms is not None and not 1 <= per_try_ms <= _LONGEST_MS:
                return f"a timeout per try of {per_try_ms} ms; it must be from 1 to {_LONGEST_MS}"
            if len(retries.retry_on) > 200:
                return f"retries on a list of {len(retries.retry_on)} characters; at most 200 are allowed"
        case SetOutlierDetection(outlier_detection=outlier) if outlier is not None:
            if not 1 <= outlier.consecutive_5xx <= 2**31:
                return f"outlier detection after {outlier.consecutive_5xx} errors; it must be at least 1"
            if not all(1 <= ms <= _LONGEST_MS for ms in (outlier.interval_ms, outlier.base_ejection_ms)):
                return f"outlier detection with times outside 1 to {_LONGEST_MS} ms"
            if not 0 <= outlier.max_ejection_percent <= 100:
                return f"to eject up to {outlier.max_ejection_percent} %; it must be from 0 to 100"
        case _:
            pass
    return None


def _shown(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:57]}..."
