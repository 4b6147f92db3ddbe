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
        if name == "*":
            return host
        match rest:
            case []:
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


def covers(pattern: str, host: str) -> bool:
    """Whether a host pattern (`*`, `*.example.com` or a name) covers every name that `host` covers."""
    if pattern.startswith("*"):
        return host.removeprefix("*").endswith(pattern[1:])
    return pattern == host


def intersection(one: str, other: str) -> str | None:
    """The narrower of two host patterns, or None when no name fits both."""
    if covers(one, other):
        return other
    return one if covers(other, one) else None
