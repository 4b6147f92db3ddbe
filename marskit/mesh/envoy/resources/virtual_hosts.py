"""The rules of VirtualServices by listener and host: all routing decisions that can be made in advance."""

from collections.abc import Iterator
from dataclasses import dataclass

from marskit.mesh.envoy.resources.hosts import intersection
from marskit.mesh.envoy.resources.matching import applies, catches_all
from marskit.mesh.envoy.resources.model import Listener
from marskit.mesh.envoy.resources.registry import Registry
from marskit.mesh.manifests.istio import MESH_GATEWAY, HttpMatch, HttpRoute, RouteDestination, VirtualService
from marskit.mesh.manifests.model import MeshConfig
from marskit.mesh.manifests.selection import routes_of


@dataclass(frozen=True, slots=True)
class Rule:
    """One alternative match of a rule with its action: it becomes one Envoy route."""

    where: str
    """Object and field, for errors and as the route's name."""
    match: HttpMatch | None
    """None: every request."""
    route: HttpRoute


@dataclass(frozen=True, slots=True)
class VirtualHost:
    """The rules for requests to one host name, in order."""

    domain: str
    rules: tuple[Rule, ...]


def virtual_hosts(listener: Listener, registry: Registry) -> tuple[VirtualHost, ...]:
    """All rules of a listener; those for every other host come last."""
    if listener.service is None:
        return _gateway_hosts(listener, registry)
    return (VirtualHost("*", _service_rules(listener, listener.service, registry)),)


def _service_rules(listener: Listener, host: str, registry: Registry) -> tuple[Rule, ...]:
    """The rules of the VirtualService for the host; without one, everything goes to the Service."""
    service = routes_of(registry.config, host)
    rules = tuple(_rules(service, listener, MESH_GATEWAY, registry)) if service else ()
    straight = HttpRoute(destinations=(RouteDestination(host, port=listener.port),))
    return rules or (Rule(f"Service {host}", None, straight),)


def _gateway_hosts(listener: Listener, registry: Registry) -> tuple[VirtualHost, ...]:
    """Rules of several VirtualServices for one host are joined; those that catch everything come last."""
    domains: dict[str, dict[Rule, None]] = {}
    for service, gateway, domain in _bindings(listener, registry.config):
        domains.setdefault(domain, {}).update(dict.fromkeys(_rules(service, listener, gateway, registry)))
    rest = domains.pop("*", {})
    return tuple(
        VirtualHost(domain, tuple(sorted(rules, key=lambda rule: catches_all(rule.match))))
        for domain, rules in (*domains.items(), ("*", rest))
    )


def _bindings(listener: Listener, config: MeshConfig) -> Iterator[tuple[VirtualService, str, str]]:
    """VirtualService, Gateway and host name for everything that is bound to the listener's port."""
    for service in config.virtual_services:
        for gateway in config.gateways:
            name = f"{gateway.namespace}/{gateway.name}"
            if name not in service.gateways:
                continue
            for server in gateway.servers:
                if server.port != listener.port:
                    continue
                for wanted in service.hosts:
                    for served in server.hosts:
                        domain = intersection(wanted, served)
                        if domain is not None:
                            yield service, name, domain


def _rules(service: VirtualService, listener: Listener, gateway: str, registry: Registry) -> Iterator[Rule]:
    """One per alternative, in the written order, up to the first that catches everything."""
    for index, route in enumerate(service.http):
        where = f"VirtualService {service.namespace}/{service.name}: http[{index}]"
        for match in route.matches or (None,):
            if match is None or applies(match, listener, gateway, registry):
                yield Rule(where, match, route)
                if catches_all(match):
                    return
