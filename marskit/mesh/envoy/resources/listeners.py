"""The listeners: one per port of the gateways, one per caller and called port."""

from collections.abc import Iterable

from marskit.domain.topology import GATEWAY
from marskit.mesh.envoy.resources.model import Listener
from marskit.mesh.manifests.graph import AddressVariable
from marskit.mesh.manifests.model import ManifestError, MeshConfig

HTTP_PROTOCOLS = ("HTTP", "HTTP2")
"""Protocols that a Gateway's server may use; TLS would need certificates."""


def listeners(config: MeshConfig, calls: Iterable[AddressVariable]) -> tuple[Listener, ...]:
    """All listeners, the gateway's first.

    Raises:
        ManifestError: There is no Gateway, or its server uses a protocol other than plain HTTP.
    """
    if not config.gateways:
        raise ManifestError(
            "there is no Gateway, so no request could enter the mesh: add one, and a VirtualService for it"
        )
    for gateway in config.gateways:
        for server in gateway.servers:
            if server.protocol not in HTTP_PROTOCOLS:
                raise ManifestError(
                    f"Gateway {gateway.namespace}/{gateway.name}: the server on port {server.port} has "
                    f"protocol {server.protocol}; supported are {' and '.join(HTTP_PROTOCOLS)}."
                )
    ports = dict.fromkeys(server.port for gateway in config.gateways for server in gateway.servers)
    entrances = (
        Listener(GATEWAY if len(ports) == 1 else f"{GATEWAY}__{port}", GATEWAY, None, port) for port in ports
    )
    edges = dict.fromkeys(_edge(call, config.namespace) for call in calls)
    return (*entrances, *edges)


def _edge(call: AddressVariable, namespace: str) -> Listener:
    """Several variables of a caller may contain the same address: their listeners are equal."""
    service = call.service if call.namespace == namespace else f"{call.service}.{call.namespace}"
    return Listener(f"{call.caller}__{service}__{call.port}", call.caller, call.host, call.port)
