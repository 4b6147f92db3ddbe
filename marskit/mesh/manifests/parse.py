"""Parses one document into its typed object."""

from collections.abc import Iterable

from marskit.mesh.manifests.fields import Field, FieldError, collected
from marskit.mesh.manifests.istio import DestinationRule, Gateway, VirtualService
from marskit.mesh.manifests.mapping import LocalMapping
from marskit.mesh.manifests.model import Document
from marskit.mesh.manifests.names import Scope
from marskit.mesh.manifests.parse_deployment import parse_deployment
from marskit.mesh.manifests.parse_destination_rule import destination_rule
from marskit.mesh.manifests.parse_gateway import gateway
from marskit.mesh.manifests.parse_key_values import config_map, secret
from marskit.mesh.manifests.parse_service import kubernetes_service
from marskit.mesh.manifests.parse_virtual_service import virtual_service
from marskit.mesh.manifests.workloads import Deployment, KeyValues, KubernetesService

Parsed = Deployment | KubernetesService | KeyValues | Gateway | VirtualService | DestinationRule


def parse(
    document: Document,
    namespaces: frozenset[str],
    mapping: LocalMapping,
    notices: list[str],
    stores: Iterable[KeyValues] = (),
) -> tuple[Parsed | None, tuple[FieldError, ...]]:
    """The typed object, or what is wrong with it; neither for kinds that only have to exist.

    Args:
        document: The document.
        namespaces: All namespaces of the manifests.
        mapping: How images run locally; it wins over annotations.
        notices: Collects what has no effect on this machine.
        stores: The ConfigMaps and Secrets that Deployments may take variables from.
    """
    return collected(document.body, lambda root: _read(root, document, namespaces, mapping, notices, stores))


def _read(
    root: Field,
    document: Document,
    namespaces: frozenset[str],
    mapping: LocalMapping,
    notices: list[str],
    stores: Iterable[KeyValues],
) -> Parsed | None:
    name, scope = document.name, Scope(document.namespace, namespaces)
    match document.kind:
        case "Deployment":
            parsed = parse_deployment(root, name, document.namespace, mapping, stores)
            notices.extend(parsed.notices)
            return parsed.deployment
        case "Service":
            return kubernetes_service(root, name, document.namespace, mapping)
        case "ConfigMap":
            return config_map(root, name, document.namespace)
        case "Secret":
            return secret(root, name, document.namespace)
        case "Gateway":
            return gateway(root, name, scope)
        case "VirtualService":
            return virtual_service(root, name, scope)
        case "DestinationRule":
            return destination_rule(root, name, scope)
        case _:
            return None
