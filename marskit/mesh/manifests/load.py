"""Loads the manifests of a mesh: reads, parses and cross-checks them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from marskit.errors import Complaint
from marskit.mesh.manifests.fields import Field, FieldError, collected
from marskit.mesh.manifests.istio import DestinationRule, Gateway, VirtualService
from marskit.mesh.manifests.kinds import SILENT, SUPPORTED, check_kind, meant_kind
from marskit.mesh.manifests.mapping import LocalMapping, check_mapping, load_mapping
from marskit.mesh.manifests.metadata import Metadata, read_metadata
from marskit.mesh.manifests.model import Document, ManifestError, MeshConfig
from marskit.mesh.manifests.parse import Parsed, parse
from marskit.mesh.manifests.read import Source, read_files
from marskit.mesh.manifests.report import Report
from marskit.mesh.manifests.validate import validate
from marskit.mesh.manifests.workloads import Deployment, KeyValues, KubernetesService

STORES = ("ConfigMap", "Secret")
DEFAULT_NAMESPACE = "default"
NO_OBJECT = ""

Key = tuple[str, str, str]
"""Kind, namespace and name of an object."""

T = TypeVar("T")


def load_mesh(
    paths: Sequence[Path],
    *,
    layers: Sequence[Path] = (),
    mapping: Path | None = None,
    require_local: bool = True,
) -> MeshConfig:
    """The mesh described by YAML files and folders.

    Args:
        paths: Files, or folders whose `*.yaml` and `*.yml` are read by name, folders in them included;
            kustomizations and folders named `overlays` or `rbac` are skipped.
        layers: More of them, one after another; the objects of each replace earlier ones of the same kind,
            namespace and name, as `kubectl apply` does.
        mapping: A TOML file that defines how images run here; it takes precedence over annotations.
        require_local: Whether every Deployment must define how it runs as a local process.

    Raises:
        ManifestError: Something is wrong or not supported; one sentence each, with file, line and field.
    """
    report, notices = Report(), list[str]()
    read = (read_files(each, report) for each in (paths, *((layer,) for layer in layers)))
    sources = _objects(list(read), report, notices)
    local = load_mapping(mapping, report) if mapping else LocalMapping()
    parsed = _parsed(sources, local, report, notices)
    deployments = _all(parsed, Deployment)
    if not deployments and not report.is_missed(("Deployment", "")):
        where = ", ".join(map(str, (*paths, *layers)))
        report.add(Complaint(f"{where}: no Deployment found, so there is nothing to run"))
    config = MeshConfig(
        namespace=deployments[0].namespace if deployments else DEFAULT_NAMESPACE,
        root=_root((*paths, *layers), mapping),
        documents=tuple(document for document, _ in sources.values()),
        deployments=deployments,
        services=_all(parsed, KubernetesService),
        gateways=_all(parsed, Gateway),
        virtual_services=_all(parsed, VirtualService),
        destination_rules=_all(parsed, DestinationRule),
        notices=(),
    )
    if mapping:
        check_mapping(config, local, mapping, report)
    for finding in validate(config, require_local=require_local):
        _, source = sources[finding.kind, finding.namespace, finding.name]
        sentence = f"{finding.kind} {finding.name}: {finding.sentence}"
        if not finding.fatal:
            notices.append(source.remark(sentence, finding.path))
        elif not report.is_missed(finding.lacks):
            report.add(source.complaint(sentence, finding.path))
    if report.complaints:
        raise ManifestError(*report.in_order())
    return replace(config, notices=tuple(notices))


def _parsed(
    sources: Mapping[Key, tuple[Document, Source]], local: LocalMapping, report: Report, notices: list[str]
) -> list[Parsed]:
    namespaces = frozenset(d.name if d.kind == "Namespace" else d.namespace for d, _ in sources.values())
    parsed: list[Parsed] = []
    # Deployments take variables from ConfigMaps and Secrets, wherever those were written.
    for document, source in sorted(sources.values(), key=lambda each: each[0].kind not in STORES):
        found: list[str] = []
        item, wrong = parse(document, namespaces, local, found, _all(parsed, KeyValues))
        if wrong or source.is_broken:
            report.failed(document.kind, document.name)
        elif item:
            parsed.append(item)
        for error in wrong:
            # What could not be read was told already, and only looks empty.
            if not source.has_holes and not report.is_missed(error.lacks):
                sentence = f"{document.kind} {document.name}: {error}"
                report.add(source.complaint(sentence, error.path))
        notices += [source.remark(f"{document.kind} {document.name}: {text}") for text in found]
    return parsed


def _all(parsed: Iterable[Parsed], kind: type[T]) -> tuple[T, ...]:
    return tuple(item for item in parsed if isinstance(item, kind))


def _objects(
    layers: Sequence[Sequence[Source]], report: Report, notices: list[str]
) -> dict[Key, tuple[Document, Source]]:
    """The supported objects by kind, namespace and name, in the order they were read.

    Within a layer, an object may stand only once; a later layer replaces it where it stands.
    """
    identified = [
        (layer, source, *found)
        for layer, sources in enumerate(layers)
        for source in sources
        if (found := _identity(source, report))
    ]
    declared = list(dict.fromkeys(name for _, _, kind, name, _ in identified if kind == "Namespace"))
    fallback = declared[0] if len(declared) == 1 else DEFAULT_NAMESPACE
    objects: dict[Key, tuple[Document, Source]] = {}
    layer_of: dict[Key, int] = {}
    for layer, source, kind, name, namespace in identified:
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
            place = f"{first.file}:{first.line()}"
            if layer_of[key] == layer:
                sentence = f"{kind} {name} in namespace {key[1]} exists already, in {place}"
                report.add(
                    source.complaint(f"{sentence}; to let this one replace it, give its file by --layer")
                )
                continue
            notices.append(source.remark(f"{kind} {name} replaces the one in {place}"))
        layer_of[key] = layer
        objects[key] = (Document(source.file, source.line(), kind, name, key[1], source.body), source)
    return objects


def _identity(source: Source, report: Report) -> tuple[str, str, str | None] | None:
    """Kind, name and written namespace; None if that is wrong."""
    if (
        not source.is_broken
        and isinstance(source.body, dict)
        and not {"apiVersion", "kind"} & source.body.keys()
    ):
        return NO_OBJECT, "", None
    kind, wrong = collected(source.body, check_kind)
    if kind in SILENT:
        return kind, "", None
    meta: Metadata | None = None
    if kind is not None:
        meta, wrong = collected(source.body, lambda root: _metadata(root, needs_dns_name=kind in SUPPORTED))
    if kind is not None and meta is not None and meta.name is not None:
        return kind, meta.name, meta.namespace
    if not source.has_holes:
        for error in wrong:
            report.add(source.complaint(str(error), error.path))
    report.failed(kind or meant_kind(source.body))
    return None


def _metadata(root: Field, *, needs_dns_name: bool) -> Metadata:
    meta = root.fields(tuple(root.value)).need("metadata", read_metadata)
    if meta.name is None:
        root.tell(FieldError(("metadata", "name"), "is missing"))
    elif needs_dns_name:
        root.child("metadata", None).child("name", meta.name).dns_name()
    return meta


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
