"""Loads the manifests of a mesh: reads, parses and cross-checks them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from marskit.mesh.manifests.fields import Field, FieldError
from marskit.mesh.manifests.istio import DestinationRule, Gateway, VirtualService
from marskit.mesh.manifests.kinds import SILENT, SUPPORTED, check_kind
from marskit.mesh.manifests.mapping import LocalMapping, check_mapping, load_mapping
from marskit.mesh.manifests.metadata import read_metadata
from marskit.mesh.manifests.model import Document, ManifestError, MeshConfig
from marskit.mesh.manifests.parse import Parsed, parse
from marskit.mesh.manifests.read import Source, read_files
from marskit.mesh.manifests.validate import validate
from marskit.mesh.manifests.workloads import Deployment, KeyValues, KubernetesService

STORES = ("ConfigMap", "Secret")
DEFAULT_NAMESPACE = "default"
NO_OBJECT = ""

T = TypeVar("T")


def load_mesh(
    paths: Sequence[Path], *, mapping: Path | None = None, require_local: bool = True
) -> MeshConfig:
    """The mesh described by YAML files and folders.

    Args:
        paths: Files, or folders whose `*.yaml` and `*.yml` are read by name, folders in them included;
            kustomizations and folders named `overlays` or `rbac` are skipped.
        mapping: A TOML file that defines how images run here; it takes precedence over annotations.
        require_local: Whether every Deployment must define how it runs as a local process.

    Raises:
        ManifestError: Something is wrong or not supported; one sentence that names file, line and field.
    """
    local = load_mapping(mapping) if mapping else LocalMapping()
    notices: list[str] = []
    sources = _objects(read_files(paths), notices)
    namespaces = frozenset(d.name if d.kind == "Namespace" else d.namespace for d, _ in sources.values())
    parsed: list[Parsed] = []
    # Deployments take variables from ConfigMaps and Secrets, wherever those were written.
    for document, source in sorted(sources.values(), key=lambda each: each[0].kind not in STORES):
        found: list[str] = []
        try:
            item = parse(document, namespaces, local, found, _all(parsed, KeyValues))
        except FieldError as error:
            raise source.error(f"{document.kind} {document.name}: {error}", error.path) from None
        parsed += [item] if item else []
        notices += [source.remark(f"{document.kind} {document.name}: {text}") for text in found]
    deployments = _all(parsed, Deployment)
    if not deployments:
        raise ManifestError(f"{', '.join(map(str, paths))}: no Deployment found, so there is nothing to run")
    config = MeshConfig(
        namespace=deployments[0].namespace,
        root=_root(paths, mapping),
        documents=tuple(document for document, _ in sources.values()),
        deployments=deployments,
        services=_all(parsed, KubernetesService),
        gateways=_all(parsed, Gateway),
        virtual_services=_all(parsed, VirtualService),
        destination_rules=_all(parsed, DestinationRule),
        notices=(),
    )
    if mapping:
        check_mapping(config, local, mapping)
    for finding in validate(config, require_local=require_local):
        document, source = sources[finding.kind, finding.namespace, finding.name]
        sentence = f"{finding.kind} {finding.name}: {finding.sentence}"
        if finding.fatal:
            raise source.error(sentence, finding.path)
        notices.append(source.remark(sentence, finding.path))
    return replace(config, notices=tuple(notices))


def _all(parsed: Iterable[Parsed], kind: type[T]) -> tuple[T, ...]:
    return tuple(item for item in parsed if isinstance(item, kind))


def _objects(
    sources: Sequence[Source], notices: list[str]
) -> dict[tuple[str, str, str], tuple[Document, Source]]:
    """The supported objects by kind, namespace and name, in the order they were read."""
    identified = [(source, *_identity(source)) for source in sources]
    declared = [name for _, kind, name, _ in identified if kind == "Namespace"]
    fallback = declared[0] if len(declared) == 1 else DEFAULT_NAMESPACE
    objects: dict[tuple[str, str, str], tuple[Document, Source]] = {}
    for source, kind, name, namespace in identified:
        if kind in SILENT:
            continue
        if kind == NO_OBJECT:
            notices.append(source.remark("this is not a Kubernetes object and is ignored"))
            continue
        if kind not in SUPPORTED:
            notices.append(source.remark(f"{kind} {name} has no effect here and is ignored"))
            continue
        key = (kind, namespace or fallback, name)
        if key in objects:
            first = objects[key][1]
            raise source.error(
                f"{kind} {name} in namespace {key[1]} exists already, in {first.file}:{first.line()}"
            )
        objects[key] = (Document(source.file, source.line(), kind, name, key[1], source.body), source)
    return objects


def _identity(source: Source) -> tuple[str, str, str | None]:
    """Kind, name and written namespace."""
    try:
        root = Field(source.body)
        if not {"apiVersion", "kind"} & {key for key, _ in root.entries()}:
            return NO_OBJECT, "", None
        kind = check_kind(root)
        if kind in SILENT:
            return kind, "", None
        meta = root.fields(tuple(source.body)).need("metadata", read_metadata)
        if meta.name is None:
            raise FieldError(("metadata", "name"), "is missing")
        if kind in SUPPORTED:
            Field(meta.name, ("metadata", "name")).dns_name()
        return kind, meta.name, meta.namespace
    except FieldError as error:
        raise source.error(str(error), error.path) from None


def _root(paths: Sequence[Path], mapping: Path | None) -> Path:
    """The folder that local commands are relative to.

    The mapping file's own; else the folder that holds the `k8s` folder the manifests are in, which is how
    a repository is usually laid out; else the nearest folder that holds all paths.
    """
    if mapping:
        return mapping.resolve().parent
    folders = [path if path.is_dir() else path.parent for path in (path.resolve() for path in paths)]
    for folder in folders:
        for above in (folder, *folder.parents):
            if above.name == "k8s":
                return above.parent
    first = folders[0]
    shared = (above for above in (first, *first.parents) if all(f.is_relative_to(above) for f in folders))
    return next(shared, first)
