"""The typed mesh configuration, with the documents it was read from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marskit.errors import InputError
from marskit.mesh.manifests.istio import DestinationRule, Gateway, VirtualService
from marskit.mesh.manifests.workloads import Deployment, KubernetesService


class ManifestError(InputError):
    """Manifests that are wrong or not supported: files, lines, fields, what was found, what is allowed."""


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document, kept as written so that an action can edit it."""

    file: Path
    line: int
    """Line at which it begins in the file, from 1."""
    kind: str
    name: str
    namespace: str
    body: Any
    """The parsed YAML. Never changed in place: an edit makes a new one."""


@dataclass(frozen=True, slots=True)
class MeshConfig:
    """All manifests of one mesh, cross-checked."""

    namespace: str
    """The namespace of the application, which is that of its Deployments."""
    root: Path
    """The folder that local commands are relative to."""
    documents: tuple[Document, ...]
    deployments: tuple[Deployment, ...]
    services: tuple[KubernetesService, ...]
    gateways: tuple[Gateway, ...]
    virtual_services: tuple[VirtualService, ...]
    destination_rules: tuple[DestinationRule, ...]
    notices: tuple[str, ...]
    """Fields that are understood but have no effect here (an OpenShift Route), one sentence each."""
