"""Expands short host and gateway names."""

from dataclasses import dataclass

from marskit.mesh.manifests.fields import Field
from marskit.mesh.manifests.istio import MESH_GATEWAY

CLUSTER_DOMAIN = "svc.cluster.local"


@dataclass(frozen=True, slots=True)
class Scope:
    """The place of an object, to which its short names are relative."""

    namespace: str
    namespaces: frozenset[str]
    """All namespaces of the manifests, to distinguish `orders.shop` from `example.com`."""

    def host(self, host: str) -> str:
        """The fully qualified name of a Service, or the unchanged host (wildcards, external names)."""
        name, *rest = host.split(".")
        match rest:
            case [] if name != "*":
                return f"{name}.{self.namespace}.{CLUSTER_DOMAIN}"
            case [namespace] if namespace in self.namespaces:
                return f"{host}.{CLUSTER_DOMAIN}"
            case [_, "svc"]:
                return f"{host}.cluster.local"
            case _:
                return host

    def gateway(self, field: Field) -> str:
        """`namespace/name` of a Gateway, or `mesh`."""
        name = field.text()
        if name == MESH_GATEWAY or "/" in name:
            return name
        if name.endswith(f".{CLUSTER_DOMAIN}"):
            short, namespace, *_ = name.split(".")
            return f"{namespace}/{short}"
        return f"{self.namespace}/{name}"


def hosts_meet(one: str, other: str) -> bool:
    """Whether some name fits both hosts, each of which may begin with `*`."""
    if one.startswith("*") and other.startswith("*"):
        return one.endswith(other[1:]) or other.endswith(one[1:])
    if one.startswith("*"):
        return other.endswith(one[1:])
    return one.endswith(other[1:]) if other.startswith("*") else one == other
