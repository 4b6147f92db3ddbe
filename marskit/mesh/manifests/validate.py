"""Cross-checks between objects: what each names must exist, and nothing may be claimed twice."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from marskit.mesh.manifests.fields import Path as FieldPath
from marskit.mesh.manifests.fields import suggestion
from marskit.mesh.manifests.istio import MESH_GATEWAY, RouteDestination, VirtualService
from marskit.mesh.manifests.mapping import LocalMapping, without_tag
from marskit.mesh.manifests.model import Document, ManifestError, MeshConfig
from marskit.mesh.manifests.names import CLUSTER_DOMAIN
from marskit.mesh.manifests.selection import deployments_of, rule_of, service_of, subset_labels


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about one object, and whether it makes the whole mesh unusable."""

    kind: str
    namespace: str
    name: str
    path: FieldPath
    sentence: str
    fatal: bool


def validate(config: MeshConfig, *, require_local: bool) -> Iterator[Finding]:
    """What is wrong or strange between the objects, in the order of the kinds below."""
    yield from _same_names(config)
    yield from _deployments(config, require_local=require_local)
    yield from _services(config)
    yield from _destination_rules(config)
    yield from _virtual_services(config)
    yield from _claims(config)


def check_mapping(config: MeshConfig, mapping: LocalMapping, file: Path) -> None:
    """Refuse a mapping that speaks of what the manifests do not have.

    Raises:
        ManifestError: An image, a service or a Deployment of the mapping is unknown.
    """
    images = {name for d in config.deployments for name in (d.image, without_tag(d.image))}
    known = (
        ("images", mapping.images, images),
        ("slo", mapping.slos, {service.name for service in config.services}),
        ("replicas", mapping.deployments, {deployment.name for deployment in config.deployments}),
    )
    for table, entries, names in known:
        for name, _ in entries:
            if name not in names:
                raise ManifestError(
                    f'{file}: {table}."{name}" names nothing in the manifests{suggestion(name, names)};'
                    f" they have {', '.join(sorted(names))}"
                )


def _same_names(config: MeshConfig) -> Iterator[Finding]:
    """Workloads and services are called by their bare names everywhere else."""
    seen: dict[tuple[str, str], Document] = {}
    for document in config.documents:
        if document.kind not in ("Deployment", "Service"):
            continue
        first = seen.setdefault((document.kind, document.name), document)
        if first is not document:
            yield _fatal(
                document,
                ("metadata", "name"),
                f"has the name of one in namespace {first.namespace}; use another",
            )


def _deployments(config: MeshConfig, *, require_local: bool) -> Iterator[Finding]:
    for deployment in config.deployments:
        if require_local and deployment.local is None:
            yield Finding(
                "Deployment",
                deployment.namespace,
                deployment.name,
                ("spec", "template"),
                "nothing says how it runs on this machine: set the annotation marskit.dev/command on its pod"
                f' template, or images."{deployment.image}".command in a mapping file',
                True,
            )


def _services(config: MeshConfig) -> Iterator[Finding]:
    for service in config.services:
        selected = deployments_of(config, service)
        if not selected:
            yield Finding(
                "Service",
                service.namespace,
                service.name,
                ("spec", "selector"),
                "its selector selects no Deployment, so every request to it will fail",
                False,
            )
        for index, (_, target) in enumerate(service.ports):
            path = ("spec", "ports", index, "targetPort")
            for deployment in selected:
                names = [name for name, _ in deployment.named_ports]
                if isinstance(target, str) and target not in names:
                    yield Finding(
                        "Service",
                        service.namespace,
                        service.name,
                        path,
                        f"targetPort {target} is no port of Deployment {deployment.name}"
                        f"{suggestion(target, names)}; it has {', '.join(names) or 'no named port'}",
                        True,
                    )


def _destination_rules(config: MeshConfig) -> Iterator[Finding]:
    by_host: dict[str, Document] = {}
    for rule in config.destination_rules:
        document = document_of(config, "DestinationRule", rule.namespace, rule.name)
        first = by_host.setdefault(rule.host, document)
        if first is not document:
            yield _fatal(
                document,
                ("spec", "host"),
                f"{rule.host} has a DestinationRule already, {first.name} in {first.file}:{first.line};"
                " one host can have only one",
            )
        service = service_of(config, rule.host)
        if service is None:
            yield _notice(document, ("spec", "host"), f"{rule.host} is no Service of these manifests")
            continue
        for index, subset in enumerate(rule.subsets):
            if not deployments_of(config, service, subset.labels):
                yield _notice(
                    document,
                    ("spec", "subsets", index, "labels"),
                    f"subset {subset.name} selects no Deployment",
                )


def _virtual_services(config: MeshConfig) -> Iterator[Finding]:
    gateways = {f"{gateway.namespace}/{gateway.name}" for gateway in config.gateways}
    for vs in config.virtual_services:
        document = document_of(config, "VirtualService", vs.namespace, vs.name)
        for index, name in enumerate(vs.gateways):
            if name != MESH_GATEWAY and name not in gateways:
                yield _fatal(
                    document,
                    ("spec", "gateways", index),
                    f"there is no Gateway {name}{suggestion(name, gateways)};"
                    f" there is {', '.join(sorted(gateways)) or 'none'}",
                )
        for index, host in enumerate(vs.hosts):
            if MESH_GATEWAY in vs.gateways and host.endswith(CLUSTER_DOMAIN) and not service_of(config, host):
                yield _notice(
                    document, ("spec", "hosts", index), f"{host} is no Service, so nobody can call it"
                )
        for index, route in enumerate(vs.http):
            path = ("spec", "http", index)
            for position, destination in enumerate(route.destinations):
                yield from _destination(
                    config, document, (*path, "route", position, "destination"), destination
                )
            for mirror in route.mirrors:
                yield from _destination(config, document, path, mirror.destination)


def _destination(
    config: MeshConfig, document: Document, path: FieldPath, destination: RouteDestination
) -> Iterator[Finding]:
    service = service_of(config, destination.host)
    if service is None:
        hosts = {s.host for s in config.services}
        yield _fatal(
            document,
            (*path, "host"),
            f"{destination.host} is no Service{suggestion(destination.host, hosts)};"
            f" there are {', '.join(sorted(hosts)) or 'none'}",
        )
        return
    ports = [port for port, _ in service.ports]
    if destination.port is not None and destination.port not in ports:
        yield _fatal(
            document,
            (*path, "port", "number"),
            f"Service {service.name} has no port {destination.port}; it has {', '.join(map(str, ports))}",
        )
    if subset_labels(config, destination.host, destination.subset) is None:
        rule = rule_of(config, destination.host)
        names = [subset.name for subset in rule.subsets] if rule else []
        subset = destination.subset or ""
        yield _fatal(
            document,
            (*path, "subset"),
            f"no DestinationRule of {destination.host} has a subset {subset}{suggestion(subset, names)};"
            f" there is {', '.join(names) or 'none'}",
        )


def _claims(config: MeshConfig) -> Iterator[Finding]:
    """Of several VirtualServices for one host, sidecars use one and a Gateway all, one after another."""
    claimed: dict[tuple[str, str], VirtualService] = {}
    for vs in config.virtual_services:
        document = document_of(config, "VirtualService", vs.namespace, vs.name)
        for gateway in vs.gateways:
            for index, host in enumerate(vs.hosts):
                first = claimed.setdefault((gateway, host), vs)
                if first is vs:
                    continue
                other = document_of(config, "VirtualService", first.namespace, first.name)
                if gateway == MESH_GATEWAY:
                    yield _fatal(
                        document,
                        ("spec", "hosts", index),
                        f"{host} is claimed by VirtualService {first.name} in {other.file}:{other.line} too,"
                        " and a sidecar would use only one of them: put the routes into one VirtualService",
                    )
                else:
                    yield _notice(
                        document,
                        ("spec", "hosts", index),
                        f"its routes for {host} at Gateway {gateway} come after those of VirtualService"
                        f" {first.name} in {other.file}:{other.line}",
                    )


def document_of(config: MeshConfig, kind: str, namespace: str, name: str) -> Document:
    """The document of an object that the configuration has."""
    return next(d for d in config.documents if (d.kind, d.namespace, d.name) == (kind, namespace, name))


def _fatal(document: Document, path: FieldPath, sentence: str) -> Finding:
    return Finding(document.kind, document.namespace, document.name, path, sentence, True)


def _notice(document: Document, path: FieldPath, sentence: str) -> Finding:
    return Finding(document.kind, document.namespace, document.name, path, sentence, False)
