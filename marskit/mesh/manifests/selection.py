"""Selection: from hosts to Services, and by labels to Deployments."""

from collections.abc import Iterator

from marskit.mesh.manifests.istio import MESH_GATEWAY, DestinationRule, RouteDestination, VirtualService
from marskit.mesh.manifests.model import Document, MeshConfig
from marskit.mesh.manifests.names import CLUSTER_DOMAIN, covers
from marskit.mesh.manifests.workloads import Deployment, KubernetesService

Labels = tuple[tuple[str, str], ...]

ROOT_NAMESPACE = "istio-system"
"""Istio's own namespace; its DestinationRules are for the whole mesh."""


def has_labels(labels: Labels, wanted: Labels) -> bool:
    """Whether all of `wanted` are among `labels`."""
    return set(wanted) <= set(labels)


def service_of(config: MeshConfig, host: str) -> KubernetesService | None:
    """The Service that a fully qualified host names."""
    return next((service for service in config.services if service.host == host), None)


def rule_of(config: MeshConfig, host: str, namespace: str | None = None) -> DestinationRule | None:
    """The DestinationRule that callers in a namespace use for a fully qualified host.

    As in Istio, it comes from the caller's namespace, else from the Service's, else from `istio-system`, and
    of several the one with the narrowest host counts. For an unknown caller, it may come from anywhere.
    """
    found = list(_rules_of(config, host, namespace))
    owner = host.removesuffix(f".{CLUSTER_DOMAIN}").rpartition(".")[2]
    order = [*([namespace] if namespace else []), owner, ROOT_NAMESPACE]
    for wanted in order:
        near = [rule for rule in found if rule.namespace == wanted]
        if near:
            return max(near, key=_narrowness)
    return max(found, key=_narrowness, default=None) if namespace is None else None


def _rules_of(config: MeshConfig, host: str, namespace: str | None) -> Iterator[DestinationRule]:
    for rule in config.destination_rules:
        if covers(rule.host, host) and visible(rule.export_to, namespace):
            yield rule


def _narrowness(rule: DestinationRule) -> tuple[bool, int]:
    return not rule.host.startswith("*"), len(rule.host)


def visible(export_to: tuple[str, ...], namespace: str | None) -> bool:
    """Whether an object with that `exportTo` counts for callers in a namespace; None for unknown ones."""
    return namespace is None or "*" in export_to or namespace in export_to


def routes_of(config: MeshConfig, host: str, namespace: str | None = None) -> VirtualService | None:
    """The VirtualService that sidecars use for a host: the one that names it, else the longest wildcard."""
    inside = [
        (name, vs)
        for vs in config.virtual_services
        if MESH_GATEWAY in vs.gateways and visible(vs.export_to, namespace)
        for name in vs.hosts
        if covers(name, host)
    ]
    exact = next((vs for name, vs in inside if name == host), None)
    return exact or max(inside, key=lambda found: len(found[0]), default=("", None))[1]


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


def subset_labels(
    config: MeshConfig, host: str, subset: str | None, namespace: str | None = None
) -> Labels | None:
    """The labels that a subset adds to its Service's selector; None if the subset does not exist.

    `namespace` is the caller's, or None for an unknown caller.
    """
    if subset is None:
        return ()
    rule = rule_of(config, host, namespace)
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
