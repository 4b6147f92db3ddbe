"""The rules of one listener as Envoy routes."""

from collections.abc import Iterator, Mapping

from marskit.mesh.envoy.resources.actions import (
    direct_response_action,
    hash_policy,
    path_rewrite,
    redirect_action,
    retry_policy,
)
from marskit.mesh.envoy.resources.filters import (
    CORS,
    FAULT,
    authority_of,
    combined,
    cors_config,
    fault_config,
    header_operations,
)
from marskit.mesh.envoy.resources.matching import route_match
from marskit.mesh.envoy.resources.model import (
    ClusterKey,
    Listener,
    Resource,
    WorkloadFault,
    duration,
    fractional_percent,
)
from marskit.mesh.envoy.resources.registry import Registry
from marskit.mesh.manifests.istio import HttpRoute, RouteDestination
from marskit.mesh.manifests.model import ManifestError
from marskit.mesh.manifests.rules import Rule


class RouteTranslator:
    """Translates the rules of one listener."""

    def __init__(
        self, listener: Listener, port: int, registry: Registry, faults: Mapping[str, WorkloadFault]
    ) -> None:
        """Take the listener's local port, and `faults` by workload."""
        self._listener = listener
        self._port = port
        self._registry = registry
        self._faults = faults

    def clusters(self, rule: Rule) -> Iterator[ClusterKey]:
        """Every destination of a rule; those of weight 0 too, so that a traffic shift changes no cluster."""
        for index, destination in enumerate(rule.route.destinations):
            yield self._key(destination, f"{rule.where}.route[{index}].destination")
        for index, mirror in enumerate(rule.route.mirrors):
            yield self._key(mirror.destination, f"{rule.where}.mirrors[{index}].destination")

    def route(self, rule: Rule) -> Resource:
        """The Envoy route of a rule."""
        route = rule.route
        resource: Resource = {"name": rule.where, "match": route_match(rule.match, self._listener)}
        if route.redirect is not None:
            resource |= header_operations(route.headers)
            resource["redirect"] = redirect_action(route.redirect, self._port)
        elif route.direct_response is not None:
            resource |= header_operations(route.headers)
            resource["direct_response"] = direct_response_action(route.direct_response)
        else:
            resource["route"] = self._action(rule)
        filters: Resource = {}
        if route.cors is not None:
            filters[CORS] = cors_config(route.cors)
        if route.fault is not None:
            filters[FAULT] = fault_config(route.fault)
        if filters:
            resource["typed_per_filter_config"] = filters
        return resource

    def _action(self, rule: Rule) -> Resource:
        route = rule.route
        authority = (route.rewrite and route.rewrite.authority) or authority_of(route.headers)
        shares = _shares(route, rule.where)
        keys = [
            self._key(destination, f"{rule.where}.route[{index}].destination")
            for index, destination, _ in shares
        ]
        policies = [self._registry.policy(key) for key in keys]
        hashes = [policy.consistent_hash for policy in policies if policy.consistent_hash is not None]
        entries = [self._entry(rule, key, *share) for key, share in zip(keys, shares, strict=True)]
        action: Resource = {
            # Envoy's own default would be 15 s, Istio's is none.
            "timeout": duration(route.timeout_ms or 0),
            "weighted_clusters": {"clusters": entries},
        }
        if authority is not None:
            action["host_rewrite_literal"] = authority
        if route.rewrite is not None:
            action |= path_rewrite(route.rewrite)
        if hashes:
            action["hash_policy"] = [hash_policy(hashing) for hashing in dict.fromkeys(hashes)]
        hashed = bool(hashes) and len(shares) == 1
        retries = retry_policy(route.retries, route.retry_choice, hashed=hashed)
        if retries is not None:
            action["retry_policy"] = retries
        mirrors = self._mirrors(rule)
        if mirrors:
            action["request_mirror_policies"] = mirrors
        return action

    def _entry(
        self, rule: Rule, key: ClusterKey, index: int, destination: RouteDestination, weight: int
    ) -> Resource:
        """One weighted destination; Envoy lets the route's host name win over a destination's."""
        where = f"{rule.where}.route[{index}]"
        entry: Resource = {"name": key.name, "weight": weight}
        # Envoy would apply the route's operations last, so they are written into each destination.
        entry |= header_operations(rule.route.headers, destination.headers)
        authority = authority_of(destination.headers)
        if authority is not None:
            entry["host_rewrite_literal"] = authority
        injected = self._injected(key, where)
        fault = combined(rule.route.fault, injected)
        if injected is not None and fault is not None:
            entry["typed_per_filter_config"] = {FAULT: fault_config(fault)}
        return entry

    def _injected(self, key: ClusterKey, where: str) -> WorkloadFault | None:
        """The fault to inject before a destination, which must be the faulty workload alone."""
        workloads = self._registry.workloads(key, where)
        faulty = [name for name in workloads if name in self._faults]
        if faulty and len(workloads) > 1:
            others = " and ".join(name for name in workloads if name != faulty[0])
            raise ManifestError(
                f"{where}: a fault for {faulty[0]} cannot be injected here, because the destination includes "
                f"{others}; use subsets to separate them."
            )
        return self._faults[faulty[0]] if faulty else None

    def _mirrors(self, rule: Rule) -> list[Resource]:
        return [
            {
                "cluster": self._key(mirror.destination, f"{rule.where}.mirrors[{index}].destination").name,
                "runtime_fraction": {"default_value": fractional_percent(mirror.percent)},
            }
            for index, mirror in enumerate(rule.route.mirrors)
        ]

    def _key(self, destination: RouteDestination, where: str) -> ClusterKey:
        port = self._registry.port(destination, self._listener.port, where)
        key = ClusterKey(self._listener.name, destination.host, port, destination.subset)
        self._registry.workloads(key, where)
        return key


def _shares(route: HttpRoute, where: str) -> list[tuple[int, RouteDestination, int]]:
    """Position, destination and weight of everything that gets traffic."""
    if len(route.destinations) == 1:
        return [(0, route.destinations[0], 100)]
    shares = [
        (index, destination, destination.weight)
        for index, destination in enumerate(route.destinations)
        if destination.weight > 0
    ]
    if not shares:
        found = "every weight is 0" if route.destinations else "no destination is given"
        raise ManifestError(f"{where}.route: {found}; traffic must go somewhere.")
    return shares
