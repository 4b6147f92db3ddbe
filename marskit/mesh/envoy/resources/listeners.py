"""The listeners: one per entrance of the mesh, one per caller and called port."""

from collections.abc import Iterable, Iterator

from marskit.domain.topology import GATEWAY
from marskit.mesh.envoy.resources.model import Listener
from marskit.mesh.manifests.entrances import Entrance, entrances, gateway_name
from marskit.mesh.manifests.graph import AddressVariable
from marskit.mesh.manifests.model import ManifestError, MeshConfig


def listeners(config: MeshConfig, calls: Iterable[AddressVariable]) -> tuple[Listener, ...]:
    """All listeners, the gateway's first.

    Raises:
        ManifestError: There is no Gateway.
    """
    if not config.gateways:
        raise ManifestError(
            "there is no Gateway, so no request could enter the mesh: add one, and a VirtualService for it"
        )
    return (*_entrances(config), *_edges(config, calls))


def _entrances(config: MeshConfig) -> Iterator[Listener]:
    found = entrances(config)
    taken: set[str] = set()
    for entrance in found:
        name = GATEWAY if len(found) == 1 else f"{GATEWAY}__{entrance.port}"
        if name in taken:
            name = _longer(entrance)
        taken.add(name)
        yield Listener(name, GATEWAY, None, entrance.port, tuple(map(gateway_name, entrance.gateways)))


def _longer(entrance: Entrance) -> str:
    """A name for a port that other pods open too; the first Gateway with a selector is theirs alone."""
    own = next(gateway for gateway in entrance.gateways if gateway.selector)
    return f"{GATEWAY}__{own.name}.{own.namespace}__{entrance.port}"


def _edges(config: MeshConfig, calls: Iterable[AddressVariable]) -> Iterator[Listener]:
    """One for all variables of a caller that address the same port of a Service."""
    names: dict[tuple[str, str, int], dict[str, None]] = {}
    for call in calls:
        names.setdefault((call.caller, call.host, call.port), {})[call.authority] = None
    for (caller, host, port), authorities in names.items():
        short, namespace, *_ = host.split(".")
        service = short if namespace == config.namespace else f"{short}.{namespace}"
        yield Listener(f"{caller}__{service}__{port}", caller, host, port, names=tuple(authorities))
