"""The shipped YAML documents, as they stand in k8s/ and service-mesh/."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.paths import ROOT

K8S = ROOT / "k8s"
SERVICE_MESH = ROOT / "service-mesh"
OVERLAYS = ("istio", "openshift", "openshift-service-mesh-2")
NAMESPACE = "marskit-demo"


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document and where it was read."""

    source: str
    body: dict[str, Any]

    @property
    def kind(self) -> str:
        return str(self.body.get("kind"))

    @property
    def name(self) -> str:
        return str(self.body.get("metadata", {}).get("name"))

    @property
    def label(self) -> str:
        return f"{self.source}:{self.kind}/{self.name}"


def parse(text: str, source: str) -> tuple[Document, ...]:
    return tuple(Document(source, body) for body in yaml.safe_load_all(text) if body is not None)


def files() -> tuple[Path, ...]:
    return tuple(sorted(path for folder in (K8S, SERVICE_MESH) for path in folder.rglob("*.yaml")))


def shipped() -> tuple[Document, ...]:
    return tuple(
        document for file in files() for document in parse(file.read_text(), str(file.relative_to(ROOT)))
    )


def of_kind(kind: str, documents: Iterable[Document]) -> tuple[Document, ...]:
    return tuple(document for document in documents if document.kind == kind)


def base() -> tuple[Document, ...]:
    """What the local mesh reads: the base and the mesh, without the overlays."""
    return tuple(
        document
        for document in shipped()
        if document.source.startswith(("k8s/base/", "service-mesh/")) and document.kind != "Kustomization"
    )
