"""The rules of VirtualServices by listener and host: all routing decisions that can be made in advance."""

from dataclasses import dataclass, field

from marskit.mesh.envoy.resources.model import Listener
from marskit.mesh.envoy.resources.registry import Registry
from marskit.mesh.manifests.entrances import bindings, gateway_name
from marskit.mesh.manifests.istio import MESH_GATEWAY, HttpRoute, RouteDestination
from marskit.mesh.manifests.model import MeshConfig
from marskit.mesh.manifests.rules import Rule, Source, catches_all, rules
from marskit.mesh.manifests.selection import routes_of


@dataclass(frozen=True, slots=True)
class VirtualHost:
    """The rules for requests to one host name, in order."""

    domain: str
    rules: tuple[Rule, ...]
    https_only: bool = False
    """Whether a Gateway sends every request to https, whatever the rules."""


@dataclass(slots=True)
class _Domain:
    rules: dict[Rule, None] = field(default_factory=dict)
    https_only: bool = False


def virtual_hosts(listener: Listener, registry: Registry) -> tuple[VirtualHost, ...]:
    """All rules of a listener; those for every other host come last."""
    if listener.service is None:
        return _gateway_hosts(listener, registry.config)
    return (VirtualHost("*", _service_rules(listener, listener.service, registry)),)


def _service_rules(listener: Listener, host: str, registry: Registry) -> tuple[Rule, ...]:
    """The rules of the VirtualService for the host; without one, everything goes to the Service."""
    labels, namespace = registry.pod(listener.source)
    service = routes_of(registry.config, host, namespace)
    source = Source(MESH_GATEWAY, listener.port, labels, namespace, listener.names)
    found = tuple(rules(service, source)) if service else ()
    straight = HttpRoute(destinations=(RouteDestination(host, port=listener.port),))
    return found or (Rule("", host, 0, None, None, straight),)


def _gateway_hosts(listener: Listener, config: MeshConfig) -> tuple[VirtualHost, ...]:
    """Rules of several VirtualServices for one host are joined; those that catch everything come last."""
    domains: dict[str, _Domain] = {}
    for gateway in config.gateways:
        if gateway_name(gateway) in listener.gateways:
            for server in gateway.servers:
                if server.port == listener.port and server.https_redirect:
                    for entry in server.hosts:
                        domains.setdefault(entry.rpartition("/")[2], _Domain()).https_only = True
    for binding in bindings(config):
        name = gateway_name(binding.gateway)
        if name in listener.gateways and binding.server.port == listener.port:
            domain = domains.setdefault(binding.domain, _Domain())
            domain.https_only |= binding.server.https_redirect
            source = Source(name, listener.port, binding.gateway.selector)
            domain.rules |= dict.fromkeys(rules(binding.service, source))
    rest = domains.pop("*", _Domain())
    return tuple(
        VirtualHost(
            name,
            () if domain.https_only else tuple(sorted(domain.rules, key=lambda r: catches_all(r.match))),
            domain.https_only,
        )
        for name, domain in (*domains.items(), ("*", rest))
    )
