"""Where requests enter the mesh: the ports of the Gateways, and the VirtualServices bound to them."""

from collections.abc import Iterator
from dataclasses import dataclass

from marskit.mesh.manifests.istio import Gateway, GatewayServer, VirtualService
from marskit.mesh.manifests.model import MeshConfig
from marskit.mesh.manifests.names import intersection


@dataclass(frozen=True, slots=True)
class Entrance:
    """One port of the pods that a selector names, with every Gateway that opens it."""

    port: int
    gateways: tuple[Gateway, ...]


@dataclass(frozen=True, slots=True)
class Binding:
    """A VirtualService that serves a host name at one server of a Gateway."""

    service: VirtualService
    gateway: Gateway
    server: GatewayServer
    domain: str
    """The narrower of the two host patterns."""


def gateway_name(gateway: Gateway) -> str:
    """The name by which VirtualServices refer to it."""
    return f"{gateway.namespace}/{gateway.name}"


def entrances(config: MeshConfig) -> tuple[Entrance, ...]:
    """Every entrance, in the order of the Gateways.

    As in Istio, Gateways with equal selectors configure the same pods and share their ports; a Gateway
    without a selector configures all pods.
    """
    selectors = dict.fromkeys(tuple(sorted(each.selector)) for each in config.gateways if each.selector)
    found: list[Entrance] = []
    for selector in selectors or {(): None}:
        group = [each for each in config.gateways if tuple(sorted(each.selector)) in (selector, ())]
        for port in dict.fromkeys(server.port for gateway in group for server in gateway.servers):
            opened = (each for each in group if any(server.port == port for server in each.servers))
            found.append(Entrance(port, tuple(opened)))
    return tuple(found)


def bindings(config: MeshConfig) -> Iterator[Binding]:
    """Every VirtualService at every server that takes it, in the order of the files."""
    for service in config.virtual_services:
        for gateway in config.gateways:
            if gateway_name(gateway) not in service.gateways:
                continue
            for server in gateway.servers:
                for domain in _domains(service, server):
                    yield Binding(service, gateway, server, domain)


def _domains(service: VirtualService, server: GatewayServer) -> Iterator[str]:
    for wanted in service.hosts:
        for entry in server.hosts:
            owner, _, served = entry.rpartition("/")
            domain = intersection(wanted, served) if owner in ("", service.namespace) else None
            if domain is not None:
                yield domain
