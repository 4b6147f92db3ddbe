"""Cross-checks between objects: what each names must exist, and nothing may be claimed twice."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Protocol

from marskit.mesh.manifests.addresses import addresses
from marskit.mesh.manifests.fields import Path, suggestion
from marskit.mesh.manifests.istio import MESH_GATEWAY, DestinationRule, RouteDestination, VirtualService
from marskit.mesh.manifests.model import MeshConfig
from marskit.mesh.manifests.names import CLUSTER_DOMAIN
from marskit.mesh.manifests.selection import deployments_of, document_of, rule_of, service_of, subset_labels


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about one object, and whether it makes the whole mesh unusable."""

    kind: str
    namespace: str
    name: str
    path: Path
    sentence: str
    fatal: bool


class Named(Protocol):
    """Any of the typed objects."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def namespace(self) -> str:
        """Where it stands."""
        ...


def validate(config: MeshConfig, *, require_local: bool) -> Iterator[Finding]:
    """What is wrong or strange between the objects, in the order of the kinds below."""
    yield from _same_names(config)
    yield from _deployments(config, require_local=require_local)
    yield from _services(config)
    yield from _destination_rules(config)
    yield from _virtual_services(config)
    yield from _claims(config)


def _same_names(config: MeshConfig) -> Iterator[Finding]:
    """Everything that is shown or changed is called by its bare name."""
    for kind, items in (
        ("Deployment", config.deployments),
        ("Service", config.services),
        ("VirtualService", config.virtual_services),
        ("DestinationRule", config.destination_rules),
    ):
        seen: dict[str, Named] = {}
        for item in items:
            first = seen.setdefault(item.name, item)
            if first is not item:
                yield _fatal(
                    kind,
                    item,
                    ("metadata", "name"),
                    f"has the name of one in namespace {first.namespace}; use another",
                )


def _deployments(config: MeshConfig, *, require_local: bool) -> Iterator[Finding]:
    path: Path = ("spec", "template")
    for deployment in config.deployments:
        if require_local and deployment.local is None:
            yield _fatal(
                "Deployment",
                deployment,
                path,
                "nothing says how it runs on this machine: set the annotation marskit.dev/command on its pod"
                f' template, or images."{deployment.image}".command in a mapping file',
            )
        for address in addresses(config, deployment):
            if not address.answered:
                ports = ", ".join(str(port) for port, _ in address.service.ports)
                yield _notice(
                    "Deployment",
                    deployment,
                    path,
                    f"the variable {address.variable} addresses port {address.port} of Service"
                    f" {address.service.name}, which has {ports}, so it is no call",
                )


def _services(config: MeshConfig) -> Iterator[Finding]:
    for service in config.services:
        selected = deployments_of(config, service)
        if not selected:
            yield _notice(
                "Service",
                service,
                ("spec", "selector"),
                "its selector selects no Deployment, so every request to it will fail",
            )
        for index, (_, target) in enumerate(service.ports):
            for deployment in selected:
                names = [name for name, _ in deployment.named_ports]
                if isinstance(target, str) and target not in names:
                    yield _fatal(
                        "Service",
                        service,
                        ("spec", "ports", index, "targetPort"),
                        f"targetPort {target} is no port of Deployment {deployment.name}"
                        f"{suggestion(target, names)}; it has {', '.join(names) or 'no named port'}",
                    )


def _destination_rules(config: MeshConfig) -> Iterator[Finding]:
    by_host: dict[str, DestinationRule] = {}
    for rule in config.destination_rules:
        first = by_host.setdefault(rule.host, rule)
        if first is not rule:
            yield _fatal(
                "DestinationRule",
                rule,
                ("spec", "host"),
                f"{rule.host} has a DestinationRule already, {first.name} in"
                f" {_place(config, 'DestinationRule', first)}; one host can have only one",
            )
        service = service_of(config, rule.host)
        if service is None:
            sentence = f"{rule.host} is no Service of these manifests"
            yield _notice("DestinationRule", rule, ("spec", "host"), sentence)
            continue
        for index, subset in enumerate(rule.subsets):
            if not deployments_of(config, service, subset.labels):
                path = ("spec", "subsets", index, "labels")
                yield _notice("DestinationRule", rule, path, f"subset {subset.name} selects no Deployment")


def _virtual_services(config: MeshConfig) -> Iterator[Finding]:
    gateways = {f"{gateway.namespace}/{gateway.name}" for gateway in config.gateways}
    for vs in config.virtual_services:
        for index, name in enumerate(vs.gateways):
            if name != MESH_GATEWAY and name not in gateways:
                yield _fatal(
                    "VirtualService",
                    vs,
                    ("spec", "gateways", index),
                    f"there is no Gateway {name}{suggestion(name, gateways)};"
                    f" there is {', '.join(sorted(gateways)) or 'none'}",
                )
        for index, host in enumerate(vs.hosts):
            inside = MESH_GATEWAY in vs.gateways and host.endswith(CLUSTER_DOMAIN) and host[0] != "*"
            if inside and not service_of(config, host):
                sentence = f"{host} is no Service, so nobody can call it"
                yield _notice("VirtualService", vs, ("spec", "hosts", index), sentence)
        for index, route in enumerate(vs.http):
            path: Path = ("spec", "http", index)
            for position, destination in enumerate(route.destinations):
                place = (*path, "route", position, "destination")
                yield from _destination(config, vs, place, destination)
            for mirror in route.mirrors:
                yield from _destination(config, vs, path, mirror.destination)


def _destination(
    config: MeshConfig, vs: VirtualService, path: Path, destination: RouteDestination
) -> Iterator[Finding]:
    host = destination.host
    service = service_of(config, host)
    if service is None:
        names = sorted(service.name for service in config.services)
        yield _fatal(
            "VirtualService",
            vs,
            (*path, "host"),
            f"{host} is no Service{suggestion(host.partition('.')[0], names)};"
            f" there is {', '.join(names) or 'none'}",
        )
        return
    ports = [port for port, _ in service.ports]
    if destination.port is not None and destination.port not in ports:
        yield _fatal(
            "VirtualService",
            vs,
            (*path, "port", "number"),
            f"Service {service.name} has no port {destination.port}; it has {', '.join(map(str, ports))}",
        )
    if destination.subset is not None and subset_labels(config, host, destination.subset) is None:
        rule = rule_of(config, host)
        names = [subset.name for subset in rule.subsets] if rule else []
        yield _fatal(
            "VirtualService",
            vs,
            (*path, "subset"),
            f"no DestinationRule of {host} has a subset {destination.subset}"
            f"{suggestion(destination.subset, names)}; there is {', '.join(names) or 'none'}",
        )


def _claims(config: MeshConfig) -> Iterator[Finding]:
    """Of several VirtualServices for one host, sidecars use one and a Gateway all, one after another."""
    claimed: dict[tuple[str, str], VirtualService] = {}
    for vs in config.virtual_services:
        for gateway, (index, host) in product(vs.gateways, enumerate(vs.hosts)):
            first = claimed.setdefault((gateway, host), vs)
            if first is vs:
                continue
            path, place = ("spec", "hosts", index), _place(config, "VirtualService", first)
            if gateway == MESH_GATEWAY:
                yield _fatal(
                    "VirtualService",
                    vs,
                    path,
                    f"{host} is claimed by VirtualService {first.name} in {place} too, and a sidecar would"
                    " use only one of them: put the routes into one VirtualService",
                )
            else:
                yield _notice(
                    "VirtualService",
                    vs,
                    path,
                    f"its routes for {host} at Gateway {gateway} come after those of VirtualService"
                    f" {first.name} in {place}",
                )


def _place(config: MeshConfig, kind: str, item: Named) -> str:
    document = document_of(config, kind, item.namespace, item.name)
    return f"{document.file}:{document.line}"


def _fatal(kind: str, item: Named, path: Path, sentence: str) -> Finding:
    return Finding(kind, item.namespace, item.name, path, sentence, True)


def _notice(kind: str, item: Named, path: Path, sentence: str) -> Finding:
    return Finding(kind, item.namespace, item.name, path, sentence, False)
