"""The edges that routes allow: from the gateways and from a calling Deployment to the workloads."""

from collections.abc import Iterator

from marskit.domain.topology import GATEWAY, EdgeId
from marskit.mesh.manifests.entrances import bindings, gateway_name
from marskit.mesh.manifests.istio import MESH_GATEWAY, HttpRoute
from marskit.mesh.manifests.model import MeshConfig
from marskit.mesh.manifests.rules import Source, rules
from marskit.mesh.manifests.selection import deployments_of, reached_by, routes_of, service_of
from marskit.mesh.manifests.workloads import Deployment, KubernetesService


def gateway_edges(config: MeshConfig) -> Iterator[EdgeId]:
    """The edges over which traffic enters the mesh, whatever their weight."""
    for binding in bindings(config):
        if not binding.server.https_redirect:
            gateway = binding.gateway
            source = Source(gateway_name(gateway), binding.server.port, gateway.selector)
            for rule in rules(binding.service, source):
                yield from _edges(config, GATEWAY, rule.route)


def call_edges(
    config: MeshConfig, caller: Deployment, service: KubernetesService, port: int, authority: str
) -> Iterator[EdgeId]:
    """The edges over which a Deployment's calls to one port of a Service may go, whatever their weight."""
    vs = routes_of(config, service.host, caller.namespace)
    source = Source(MESH_GATEWAY, port, caller.labels, caller.namespace, (authority,))
    found = list(rules(vs, source)) if vs else []
    for rule in found:
        yield from _edges(config, caller.name, rule.route)
    if not found:
        # As in Istio: without a rule for this caller the call goes straight to the Service.
        for deployment in deployments_of(config, service):
            yield EdgeId(caller.name, service.name, deployment.name)


def _edges(config: MeshConfig, source: str, route: HttpRoute) -> Iterator[EdgeId]:
    for destination in (*route.destinations, *(mirror.destination for mirror in route.mirrors)):
        service = service_of(config, destination.host)
        if service is not None:
            for deployment in reached_by(config, destination):
                yield EdgeId(source, service.name, deployment.name)
