"""The findings of cross-checks, with the names of their objects."""

from dataclasses import dataclass
from typing import Protocol

from marskit.mesh.manifests.fields import Lack, Path
from marskit.mesh.manifests.model import MeshConfig
from marskit.mesh.manifests.selection import document_of

ONLY_HTTP = "while marskit's local mesh carries HTTP/1.1 only"

ROUTING = "routing"
"""Any of the objects that lead requests from a Service to a Deployment, among those that can be missed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding about one object, and whether it makes the mesh unusable."""

    kind: str
    namespace: str
    name: str
    path: Path
    sentence: str
    fatal: bool
    lacks: Lack | None = None
    """The object whose absence is the finding."""


class Named(Protocol):
    """Any of the typed objects."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def namespace(self) -> str:
        """Its namespace."""
        ...


def place(config: MeshConfig, kind: str, item: Named) -> str:
    """File and line of an object."""
    document = document_of(config, kind, item.namespace, item.name)
    return f"{document.file}:{document.line}"


def fatal(kind: str, item: Named, path: Path, sentence: str, *, lacks: Lack | None = None) -> Finding:
    """A finding that makes the mesh unusable."""
    return Finding(kind, item.namespace, item.name, path, sentence, True, lacks)


def notice(kind: str, item: Named, path: Path, sentence: str) -> Finding:
    """An oddity that does not prevent running."""
    return Finding(kind, item.namespace, item.name, path, sentence, False)
