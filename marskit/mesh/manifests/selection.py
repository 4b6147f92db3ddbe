"""Selection: from hosts to Services, and by labels to Deployments."""

from marskit.mesh.manifests.istio import MESH_GATEWAY, DestinationRule, RouteDestination, VirtualService
from marskit.mesh.manifests.model import Document, MeshConfig
from marskit.mesh.manifests.workloads import Deployment, KubernetesService

Labels = tuple[tuple[str, str], ...]


def has_labels(labels: Labels, wanted: Labels) -> bool:
    """Whether all of `wanted` are among `labels`."""
    return set(wanted) <= set(labels)


def service_of(config: MeshConfig, host: str) -> KubernetesService | None:
    """The Service that a fully qualified host names."""
    return next((service for service in config.services if service.host == host), None)


def rule_of(config: MeshConfig, host: str) -> DestinationRule | None:
    """The DestinationRule of a fully qualified host."""
    return next((rule for rule in config.destination_rules if rule.host == host), None)


def routes_of(config: MeshConfig, host: str) -> VirtualService | None:
    """The VirtualService that sidecars use for a host: the one that names it, else the longest wildcard."""
    inside = [vs for vs in config.virtual_services if MESH_GATEWAY in vs.gateways]
    exact = next((vs for vs in inside if host in vs.hosts), None)
    if exact:
        return exact
    wild = [(name, vs) for vs in inside for name in vs.hosts if name[0] == "*" and host.endswith(name[1:])]
    return max(wild, key=lambda found: len(found[0]))[1] if wild else None


def selects(service: KubernetesService, deployment: Deployment) -> bool:
    """Whether the Service selects the Deployment's pods."""
    return service.namespace == deployment.namespace and has_labels(deployment.labels, service.selector)


def deployments_of(
    config: MeshConfig, service: KubernetesService, labels: Labels = ()
) -> tuple[Deployment, ...]:
    """The Deployments whose pods the Service selects, narrowed by a subset's labels."""
    wanted = {*service.selector, *labels}
    return tuple(
        deployment
        for deployment in config.deployments
        if deployment.namespace == service.namespace and wanted <= set(deployment.labels)
    )


def subset_labels(config: MeshConfig, host: str, subset: str | None) -> Labels | None:
    """The labels that a subset adds to its Service's selector; None if the subset does not exist."""
    if subset is None:
        return ()
    rule = rule_of(config, host)
    subsets = rule.subsets if rule else ()
    return next((found.labels for found in subsets if found.name == subset), None)


def reached_by(config: MeshConfig, destination: RouteDestination) -> tuple[Deployment, ...]:
    """The Deployments that a route's destination leads to."""
    service = service_of(config, destination.host)
    labels = subset_labels(config, destination.host, destination.subset)
    return () if service is None or labels is None else deployments_of(config, service, labels)


def document_of(config: MeshConfig, kind: str, namespace: str, name: str) -> Document:
    """The document of an object in the configuration."""
    return next(d for d in config.documents if (d.kind, d.namespace, d.name) == (kind, namespace, name))
