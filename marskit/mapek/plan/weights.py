"""Arithmetic of route weights: whole percentages that always add up to 100."""

from collections.abc import Mapping

from marskit.domain.apportion import apportion
from marskit.domain.config import Destination, RouteSetting


def subset_key(destination: Destination) -> str:
    """The destination's name in a `ShiftTraffic`: its subset, or its service if it has none."""
    return destination.subset or destination.service


def apportion_by_name(total: int, weights: Mapping[str, int]) -> dict[str, int]:
    """`apportion`, by the names of the weights."""
    return dict(zip(weights, apportion(total, tuple(weights.values())), strict=True))


def percents(route: RouteSetting) -> dict[str, int]:
    """The route's weights under the names of `ShiftTraffic`, adding up to 100."""
    return apportion_by_name(100, {subset_key(d): d.weight_percent for d in route.destinations})


def towards(now: Mapping[str, int], goal: Mapping[str, int], limit: int) -> dict[str, int]:
    """The weights closest to `goal` that differ from `now` by at most `limit`; all add up to 100."""
    widest = max(abs(goal[name] - now[name]) for name in now)
    if widest <= limit:
        return dict(goal)
    return apportion_by_name(
        100, {name: now[name] * widest + (goal[name] - now[name]) * limit for name in now}
    )
