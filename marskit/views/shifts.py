"""Traffic shifted to a workload, or away from it, on the split that it belongs to."""

from collections.abc import Mapping

from marskit.domain import commands
from marskit.domain.actions import ShiftTraffic
from marskit.domain.config import RouteSetting
from marskit.domain.state import State
from marskit.mapek.plan.weights import apportion_by_name, percents, subset_key
from marskit.views.meaning import NOT_BEGUN, SELECT_FIRST, Meaning, Option, Prompt, Refusal


def shift(state: State, workload: str | None, points: int) -> Meaning:
    """Weight towards the workload on the split it belongs to, or away from it where `points` is below 0."""
    if state.configuration is None:
        return Refusal(NOT_BEGUN)
    if workload is None:
        return SELECT_FIRST
    splits = [
        (route, subset_key(destination))
        for route in state.configuration.routes
        if len(route.destinations) > 1
        for destination in route.destinations
        if destination.workload == workload
    ]
    if not splits:
        return Refusal(f"{workload} shares no route with another workload, so it has no weight to change.")
    options = []
    for route, subset in splits:
        weights = _shifted(percents(route), subset, points)
        if weights != percents(route):
            act = commands.Act(ShiftTraffic(route.virtual_service, route.index, tuple(weights.items())))
            options.append(Option(_route_name(route), _shares(weights), act))
    if not options:
        extreme = "all" if points > 0 else "none"
        return Refusal(f"{workload} already gets {extreme} of the traffic of {_route_name(splits[0][0])}.")
    if len(splits) == 1:
        return options[0].command
    return Prompt(
        f"Shift traffic {'to' if points > 0 else 'away from'} {workload} on which route?", tuple(options)
    )


def _shifted(weights: Mapping[str, int], subset: str, points: int) -> dict[str, int]:
    """The weights with `subset` that much up or down, within 0 and 100; the others share what is left."""
    own = max(0, min(100, weights[subset] + points))
    others = apportion_by_name(
        100 - own, {name: weight for name, weight in weights.items() if name != subset}
    )
    return {name: others.get(name, own) for name in weights}


def _shares(weights: Mapping[str, int]) -> str:
    return ", ".join(f"{subset} {weight} %" for subset, weight in weights.items())


def _route_name(route: RouteSetting) -> str:
    """The route as manifests address it, with the name a person gave it."""
    return route.label if route.name is None else f"{route.label} ({route.name})"
