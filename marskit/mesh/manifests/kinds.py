"""The kinds of objects that are used, ignored, or refused."""

from difflib import get_close_matches
from typing import Any

from marskit.mesh.manifests.fields import Field, FieldError, suggestion

ISTIO_VERSIONS = tuple(f"networking.istio.io/{version}" for version in ("v1", "v1beta1", "v1alpha3"))
SUPPORTED = {
    "ConfigMap": ("v1",),
    "Deployment": ("apps/v1",),
    "DestinationRule": ISTIO_VERSIONS,
    "Gateway": ISTIO_VERSIONS,
    "Namespace": ("v1",),
    "Secret": ("v1",),
    "Service": ("v1",),
    "ServiceAccount": ("v1",),
    "VirtualService": ISTIO_VERSIONS,
}
SILENT = frozenset({"Kustomization"})
"""Not objects of a cluster."""
WITHOUT_MEANING = frozenset(
    {
        "ClusterRole",
        "ClusterRoleBinding",
        "HorizontalPodAutoscaler",
        "LimitRange",
        "NetworkPolicy",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "PodDisruptionBudget",
        "PodMonitor",
        "ResourceQuota",
        "Role",
        "RoleBinding",
        "Route",
        "ServiceMeshMember",
        "ServiceMeshMemberRoll",
        "ServiceMonitor",
    }
)
"""Kinds without effect on requests between processes of one machine; ignored with a notice."""


def check_kind(root: Field) -> str:
    """The object's kind.

    Raises:
        FieldError: The kind or its version is neither used nor ignored here.
    """
    kind = root.fields(tuple(key for key, _ in root.entries())).need("kind", Field.text)
    if kind in WITHOUT_MEANING or kind == "Kustomization":
        return kind
    if kind not in SUPPORTED:
        raise FieldError(
            ("kind",),
            f"{kind} is not supported by marskit's local mesh{suggestion(kind, SUPPORTED)};"
            f" supported here: {', '.join(SUPPORTED)}",
        )
    version = dict(root.entries()).get("apiVersion", Field(None, ("apiVersion",)))
    version.choice(*SUPPORTED[kind])
    return kind


def meant_kind(body: Any) -> str:
    """The kind that an object which cannot be identified was probably meant to be; empty for any."""
    kind = body.get("kind") if isinstance(body, dict) else None
    if not isinstance(kind, str):
        return ""
    return kind if kind in SUPPORTED else next(iter(get_close_matches(kind, SUPPORTED, n=1)), kind)
