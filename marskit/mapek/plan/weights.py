"""Arithmetic of route weights: whole percentages that always add up to 100."""

from collections.abc import Mapping

from marskit.domain.config import Destination, RouteSetting


def subset_key(destination: Destination) -> str:
    """The destination's name in a `ShiftTraffic`: its subset, or its service if it has none."""
    return destination.subset or destination.service


def apportion(total: int, weights: Mapping[str, int]) -> dict[str, int]:
    """`total` split in proportion to the weights by largest remainder; evenly if all are 0."""
    if not any(weights.values()):
        weights = dict.fromkeys(weights, 1)
    whole_weight = sum(weights.values())
    shares = {name: divmod(total * weight, whole_weight) for name, weight in weights.items()}
    parts = {name: share for name, (share, _) in shares.items()}
    by_remainder = sorted(shares, key=lambda name: -shares[name][1])
    for name in by_remainder[: total - sum(parts.values())]:
        parts[name] += 1
    return parts


def percents(route: RouteSetting) -> dict[str, int]:
    """The route's weights under the names of `ShiftTraffic`, adding up to 100."""
    return apportion(100, {subset_key(d): d.weight_percent for d in route.destinations})


def towards(now: Mapping[str, int], goal: Mapping[str, int], limit: int) -> dict[str, int]:
    """The weights closest to `goal` that differ from `now` by at most `limit`; all add up to 100."""
    widest = max(abs(goal[name] - now[name]) for name in now)
    if widest <= limit:
        return dict(goal)
    return apportion(100, {name: now[name] * widest + (goal[name] - now[name]) * limit for name in now})
