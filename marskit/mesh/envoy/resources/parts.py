"""The parts of manifests that become Envoy's configuration; a search makes them harmless one by one."""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from typing import Any

from marskit.mesh.manifests.fields import Path
from marskit.mesh.manifests.istio import (
    DestinationRule,
    DirectResponse,
    Headers,
    HttpMatch,
    HttpRoute,
    MatchKind,
    StringMatch,
    Subset,
    VirtualService,
)
from marskit.mesh.manifests.model import MeshConfig
from marskit.mesh.manifests.traffic_policy import TrafficPolicy

_ONE_PATH = (HttpMatch(StringMatch(MatchKind.EXACT, "/")),)
"""It takes one path, so that the entries after it stay reachable."""

_UNITS = re.compile(r"_(ms|percent)$")
_WRITTEN: dict[str, Path] = {
    "abort_percent": ("abort", "percentage"),
    "abort_grpc_status": ("abort", "grpcStatus"),
    "abort_status": ("abort", "httpStatus"),
    "backoff_ms": ("backoff",),
    "base_ejection_ms": ("baseEjectionTime",),
    "code": ("redirectCode",),
    "connect_timeout_ms": ("tcp", "connectTimeout"),
    "consecutive_5xx": ("consecutive5xxErrors",),
    "consistent_hash": ("loadBalancer", "consistentHash"),
    "cors": ("corsPolicy",),
    "delay_ms": ("delay", "fixedDelay"),
    "delay_percent": ("delay", "percentage"),
    "destinations": ("route",),
    "idle_timeout_ms": ("http", "idleTimeout"),
    "ignore_previous_hosts": ("retryIgnorePreviousHosts",),
    "keep_port": ("derivePort",),
    "load_balancer": ("loadBalancer", "simple"),
    "maglev_table_size": ("maglev", "tableSize"),
    "matches": ("match",),
    "max_connection_ms": ("tcp", "maxConnectionDuration"),
    "max_connections": ("tcp", "maxConnections"),
    "max_pending_requests": ("http", "http1MaxPendingRequests"),
    "max_requests": ("http", "http2MaxRequests"),
    "max_requests_per_connection": ("http", "maxRequestsPerConnection"),
    "max_retries": ("http", "maxRetries"),
    "outlier_choice": ("outlierDetection",),
    "ports": ("portLevelSettings",),
    "query_params": ("queryParams",),
    "retry_choice": ("retries",),
    "uri_regex": ("uriRegexRewrite",),
    "warmup": ("loadBalancer", "warmup"),
}
"""How a field of the typed configuration is written, where that is not its name in camel case."""


@dataclass(frozen=True, slots=True)
class Part:
    """One entry of `http`, or one traffic policy."""

    kind: str
    namespace: str
    name: str
    path: Path


def parts(config: MeshConfig) -> tuple[Part, ...]:
    """All parts, in the order of the objects."""
    entries = (
        Part("VirtualService", service.namespace, service.name, ("spec", "http", index))
        for service in config.virtual_services
        for index in range(len(service.http))
    )
    policies = (
        Part("DestinationRule", rule.namespace, rule.name, path)
        for rule in config.destination_rules
        for path in (
            ("spec", "trafficPolicy"),
            *(("spec", "subsets", index, "trafficPolicy") for index in range(len(rule.subsets))),
        )
    )
    return (*entries, *policies)


def only(config: MeshConfig, kept: Collection[Part]) -> MeshConfig:
    """The configuration with every part made harmless but these."""
    for part in parts(config):
        if part not in kept:
            config = with_value(config, part, _harmless(value_of(config, part)))
    return config


def _harmless(value: HttpRoute | TrafficPolicy | None) -> HttpRoute | None:
    """No policy, or an entry that only leads to the same destinations."""
    if not isinstance(value, HttpRoute):
        return None
    if not value.destinations:
        return HttpRoute(matches=_ONE_PATH, direct_response=DirectResponse(200))
    bare = tuple(replace(each, headers=Headers()) for each in value.destinations)
    return HttpRoute(matches=_ONE_PATH, destinations=bare)


def value_of(config: MeshConfig, part: Part) -> HttpRoute | TrafficPolicy | None:
    """The typed value of a part."""
    if part.kind == "VirtualService":
        return next(each for each in config.virtual_services if _is_of(each, part)).http[_index(part)]
    rule = next(each for each in config.destination_rules if _is_of(each, part))
    return rule.subsets[_index(part)].traffic_policy if "subsets" in part.path else rule.traffic_policy


def with_value(config: MeshConfig, part: Part, value: Any) -> MeshConfig:
    """The configuration with another value of a part."""
    return replace(
        config,
        virtual_services=tuple(
            replace(each, http=_with(each.http, _index(part), value)) if _is_of(each, part) else each
            for each in config.virtual_services
        ),
        destination_rules=tuple(
            _with_policy(each, part, value) if _is_of(each, part) else each
            for each in config.destination_rules
        ),
    )


def culprit(value: Any, path: Path, *, accepts: Callable[[Any], bool]) -> Path:
    """The narrowest field whose absence makes a refused value acceptable.

    Args:
        value: A typed value that is refused.
        path: Where it is written.
        accepts: Whether the configuration is taken with another value in its place.
    """
    children = list(_children(value))
    for child in children:
        if child.can_go and accepts(child.put(child.without)):
            return _within(child, path, accepts)
    # Something that the rest needs, such as a destination, may have the culprit inside.
    for child in children:
        narrower = _within(child, path, accepts)
        if len(narrower) > len(path) + len(child.step):
            return narrower
    return path


def _within(child: "_Child", path: Path, accepts: Callable[[Any], bool]) -> Path:
    return culprit(child.value, (*path, *child.step), accepts=lambda value: accepts(child.put(value)))


_Put = Callable[[Any], Any]
_GONE = object()


@dataclass(frozen=True, slots=True)
class _Child:
    """A part of a value that is not as by default."""

    step: Path
    """How it is written."""
    value: Any
    put: _Put
    """Makes the whole value with another part."""
    can_go: bool
    without: Any = _GONE
    """What stands for its absence."""


def _children(value: Any) -> Iterator[_Child]:
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            part = getattr(value, field.name)
            # Without a weight, a destination gets nothing, whatever else is wrong with it.
            if part != field.default and field.name != "weight":
                put = _in_field(value, field.name)
                yield _Child(_step(field.name), part, put, field.default is not MISSING, field.default)
    elif isinstance(value, tuple) and value and not isinstance(value[0], str):
        for index, item in enumerate(value):
            is_named = isinstance(item, tuple) and isinstance(item[0], str)
            yield _Child((item[0],) if is_named else (index,), item, _at_position(value, index), True)


def _in_field(value: Any, name: str) -> _Put:
    return lambda part: replace(value, **{name: part})


def _at_position(value: tuple[Any, ...], index: int) -> _Put:
    return lambda item: (*value[:index], *(() if item is _GONE else (item,)), *value[index + 1 :])


def _step(name: str) -> Path:
    if name in _WRITTEN:
        return _WRITTEN[name]
    first, *rest = _UNITS.sub("", name).split("_")
    return ("".join((first, *(word.capitalize() for word in rest))),)


def _is_of(found: VirtualService | DestinationRule, part: Part) -> bool:
    kind = "VirtualService" if isinstance(found, VirtualService) else "DestinationRule"
    return (kind, found.namespace, found.name) == (part.kind, part.namespace, part.name)


def _index(part: Part) -> int:
    return next(step for step in part.path if isinstance(step, int))


def _with(items: tuple[Any, ...], index: int, value: Any) -> tuple[Any, ...]:
    return (*items[:index], value, *items[index + 1 :])


def _with_policy(rule: DestinationRule, part: Part, policy: Any) -> DestinationRule:
    if "subsets" not in part.path:
        return replace(rule, traffic_policy=policy)
    index = _index(part)
    subset: Subset = replace(rule.subsets[index], traffic_policy=policy)
    return replace(rule, subsets=_with(rule.subsets, index, subset))
