"""The shield's rules, one function each: None lets an action pass, a verdict limits or drops it."""

from dataclasses import dataclass, replace
from math import ceil

from marskit import text
from marskit.domain.actions import (
    Action,
    Scale,
    SetOutlierDetection,
    SetRetries,
    SetTimeout,
    ShiftTraffic,
    target,
)
from marskit.domain.config import RouteSetting
from marskit.domain.records import Execution, Outcome
from marskit.mapek.plan.weights import percents, subset_key, towards
from marskit.planning import PlanningView


@dataclass(frozen=True, slots=True)
class ShieldLimits:
    """How far and how often an action may go; times are in scenario seconds."""

    max_step_up: int = 4
    """Replicas that may be added at once: the Kubernetes autoscaler's default for small workloads."""
    max_step_down: int = 2
    cooldown_up_s: float = 10.0
    """Shorter than the autoscaler's 15 s period, so that the autoscaler is never delayed."""
    cooldown_down_s: float = 50.0
    """Not a multiple of 15 s, so that a millisecond does not decide whether a cycle is within it."""
    cooldown_route_s: float = 10.0
    """Cool-down of every action other than scaling."""
    max_weight_step_percent: int = 50
    safe_utilisation: float = 0.85
    """Utilisation that a scale-down may not exceed, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Context:
    """Everything the rules read besides the action."""

    limits: ShieldLimits
    view: PlanningView
    executions: tuple[Execution, ...]
    taken: frozenset[str]
    """Targets of the actions already allowed in this cycle."""
    shifts: tuple[ShiftTraffic, ...]
    """All traffic shifts proposed in this cycle."""


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """A rule's decision: the action that remains, and the reason."""

    allowed: Action | None
    sentence: str


def duplicate(action: Action, context: Context) -> RuleVerdict | None:
    """Allow one action per target and cycle: the effects of two could not be separated."""
    if target(action) in context.taken:
        return RuleVerdict(None, f"{target(action)} already changes in this cycle.")
    return None


def unknown_target(action: Action, context: Context) -> RuleVerdict | None:
    """Allow only targets that exist in the mesh."""
    configuration = context.view.configuration
    match action:
        case Scale(workload):
            if workload not in dict(configuration.replicas):
                return RuleVerdict(None, f"{workload} is not a workload of this mesh.")
        case ShiftTraffic(virtual_service, _, weights):
            route = _route(action, context)
            if route is None:
                return RuleVerdict(None, f"Route {virtual_service}[{action.route}] does not exist.")
            expected, given = [subset_key(d) for d in route.destinations], [name for name, _ in weights]
            if sorted(expected) != sorted(given):
                return RuleVerdict(
                    None, f"{route.label} splits between {', '.join(expected)}; name all of them."
                )
        case SetTimeout() | SetRetries():
            if _route(action, context) is None:
                return RuleVerdict(None, f"Route {action.virtual_service}[{action.route}] does not exist.")
        case SetOutlierDetection(destination_rule):
            if all(o.destination_rule != destination_rule for o in configuration.outliers):
                return RuleVerdict(None, f"DestinationRule {destination_rule} does not exist.")
    return None


def bounds(action: Action, context: Context) -> RuleVerdict | None:
    """Keep replicas between the workload's minimum and maximum, and weights at a total of 100."""
    match action:
        case Scale(name, replicas):
            workload = context.view.topology.workload(name)
            least, most = workload.min_replicas, workload.max_replicas
            within = max(least, min(most, replicas))
            if within != replicas:
                return RuleVerdict(
                    Scale(name, within), f"{name} may have {least} to {most} replicas, not {replicas}."
                )
        case ShiftTraffic(virtual_service, _, weights):
            values = [weight for _, weight in weights]
            if min(values) < 0 or sum(values) != 100:
                return RuleVerdict(None, f"Weights of {virtual_service} must be 0 or more and add up to 100.")
    return None


def step(action: Action, context: Context) -> RuleVerdict | None:
    """Limit the replicas added or removed at once."""
    match action:
        case Scale(workload, replicas):
            now = context.view.configuration.replicas_of(workload)
            up, down = context.limits.max_step_up, context.limits.max_step_down
            within = max(now - down, min(now + up, replicas))
            if within != replicas:
                return RuleVerdict(
                    Scale(workload, within),
                    f"{workload} has {now} replicas; one action may add at most {up} or remove {down}.",
                )
    return None


def weight_step(action: Action, context: Context) -> RuleVerdict | None:
    """Limit the change of a weight; the shift goes as far towards the proposal as allowed."""
    limit = context.limits.max_weight_step_percent
    match action, _route(action, context):
        case ShiftTraffic(virtual_service, route, weights), RouteSetting() as setting:
            now = percents(setting)
            if max(abs(weight - now[name]) for name, weight in weights) > limit:
                left = towards(now, dict(weights), limit)
                return RuleVerdict(
                    ShiftTraffic(virtual_service, route, tuple((name, left[name]) for name, _ in weights)),
                    f"One action may change a weight of {setting.label} by at most {limit} points.",
                )
    return None


def no_change(action: Action, context: Context) -> RuleVerdict | None:
    """Drop actions that change nothing."""
    configuration = context.view.configuration
    match action:
        case Scale(workload, replicas):
            same = configuration.replicas_of(workload) == replicas
        case ShiftTraffic(virtual_service, index, weights):
            same = percents(configuration.route(virtual_service, index)) == dict(weights)
        case SetTimeout(virtual_service, index, timeout_ms):
            same = configuration.route(virtual_service, index).timeout_ms == timeout_ms
        case SetRetries(virtual_service, index, retries):
            same = configuration.route(virtual_service, index).retries == retries
        case SetOutlierDetection(name, detection):
            same = any(
                o.destination_rule == name and o.outlier_detection == detection
                for o in configuration.outliers
            )
    return RuleVerdict(None, f"{target(action)} already has this setting.") if same else None


def cool_down(action: Action, context: Context) -> RuleVerdict | None:
    """Leave a recently changed target alone until the change can be judged."""
    limits, view = context.limits, context.view
    times = [
        e.at_s
        for e in context.executions
        # An action with an unknown outcome may have been applied.
        if e.outcome in (Outcome.APPLIED, Outcome.UNKNOWN) and target(e.action) == target(action)
    ]
    match action:
        case Scale(workload, replicas):
            up = replicas > view.configuration.replicas_of(workload)
            wait_s = limits.cooldown_up_s if up else limits.cooldown_down_s
        case _:
            wait_s = limits.cooldown_route_s
    if times and (passed_s := (view.now_s - max(times)) * view.speed) < wait_s:
        return RuleVerdict(
            None,
            f"{target(action)} was changed {max(0.0, passed_s):.0f} s ago; its cool-down is {wait_s:g} s "
            "(scenario time).",
        )
    return None


def ready(action: Action, context: Context) -> RuleVerdict | None:
    """Raise no weight for a workload without a ready replica."""
    route = _route(action, context)
    if isinstance(action, ShiftTraffic) and route is not None:
        for workload, subset in _raised(action, route):
            if workload is None or not _ready_replicas(workload, context):
                return RuleVerdict(
                    None, f"{workload or subset} may not get more traffic: no replica is known to be ready."
                )
    return None


def canary(action: Action, context: Context) -> RuleVerdict | None:
    """Block planners from sending traffic to a canary that is worse than its control."""
    route = _route(action, context)
    if isinstance(action, ShiftTraffic) and route is not None:
        raised = {workload for workload, _ in _raised(action, route)}
        for held in context.view.held:
            if held.workload in raised:
                return RuleVerdict(None, f"Canary blocked: {held.sentence}")
    return None


def utilisation(action: Action, context: Context) -> RuleVerdict | None:
    """Forbid scale-downs above the safe utilisation, or with a load that is unknown or about to grow."""
    view = context.view
    if not isinstance(action, Scale):
        return None
    now = view.configuration.replicas_of(action.workload)
    if action.replicas >= now:
        return None
    if _is_receiving(action.workload, context):
        return RuleVerdict(None, f"{action.workload} gets more traffic in this cycle: it keeps its replicas.")
    observed = next((w for w in view.observation.workloads if w.workload == action.workload), None)
    if observed is None or observed.utilisation is None or observed.replicas_ready is None:
        return RuleVerdict(None, f"The load of {action.workload} is unknown, so it keeps its {now} replicas.")
    busy = observed.utilisation * observed.replicas_ready
    safe = context.limits.safe_utilisation
    if busy <= safe * action.replicas:
        return None
    enough = ceil(busy / safe)
    why = (
        f"{action.workload} keeps {busy:.1f} replicas busy, too many for {action.replicas} at "
        f"{text.share(safe)} each"
    )
    if enough >= now:
        return RuleVerdict(None, f"{why}; it keeps its {now} replicas.")
    return RuleVerdict(replace(action, replicas=enough), f"{why}; {enough} are enough.")


def _route(action: Action, context: Context) -> RouteSetting | None:
    if not isinstance(action, ShiftTraffic | SetTimeout | SetRetries):
        return None
    try:
        return context.view.configuration.route(action.virtual_service, action.route)
    except KeyError:
        return None


def _raised(action: ShiftTraffic, route: RouteSetting) -> list[tuple[str | None, str]]:
    """`(workload, subset)` of every destination whose weight would rise."""
    now, weights = percents(route), dict(action.weights_percent)
    return [
        (d.workload, subset_key(d))
        for d in route.destinations
        if weights.get(subset_key(d), 0) > now[subset_key(d)]
    ]


def _is_receiving(workload: str, context: Context) -> bool:
    for shift in context.shifts:
        route = _route(shift, context)
        if route is not None and any(receiver == workload for receiver, _ in _raised(shift, route)):
            return True
    return False


def _ready_replicas(workload: str, context: Context) -> int:
    """Those known to be ready: unknown ones get no traffic."""
    seen = next((w for w in context.view.observation.workloads if w.workload == workload), None)
    return (seen.replicas_ready or 0) if seen else 0
