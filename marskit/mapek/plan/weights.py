"""Arithmetic of route weights: whole percents that always add up to 100."""

from collections.abc import Mapping

from marskit.domain.apportion import apportion
from marskit.domain.config import Destination, RouteSetting


def subset_key(destination: Destination) -> str:
    """The name a `ShiftTraffic` gives the destination: its subset, or its service when it has none."""
    return destination.subset or destination.service


def apportion_by_name(total: int, weights: Mapping[str, int]) -> dict[str, int]:
    """As `apportion`, by the names of the weights."""
    return dict(zip(weights, apportion(total, tuple(weights.values())), strict=True))


def percents(route: RouteSetting) -> dict[str, int]:
    """The route's weights by the names that a `ShiftTraffic` gives them, adding up to 100."""
    return apportion_by_name(100, {subset_key(d): d.weight_percent for d in route.destinations})


def towards(now: Mapping[str, int], goal: Mapping[str, int], limit: int) -> dict[str, int]:
    """As far from `now` towards `goal` as no weight changes by more than `limit`; both add up to 100."""
    widest = max(abs(goal[name] - now[name]) for name in now)
    if widest <= limit:
        return dict(goal)
    return apportion_by_name(
        100, {name: now[name] * widest + (goal[name] - now[name]) * limit for name in now}
    )
