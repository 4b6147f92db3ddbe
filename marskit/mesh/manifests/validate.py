"""Cross-checks between objects: references must exist, and claims must be unique."""

from collections.abc import Iterator
from itertools import product

from marskit.mesh.manifests.entrances import bindings
from marskit.mesh.manifests.fields import Path, suggestion
from marskit.mesh.manifests.findings import ONLY_HTTP, Finding, Named, fatal, notice, place
from marskit.mesh.manifests.istio import (
    MESH_GATEWAY,
    DestinationRule,
    RouteDestination,
    VirtualService,
)
from marskit.mesh.manifests.model import MeshConfig
from marskit.mesh.manifests.names import CLUSTER_DOMAIN, covers
from marskit.mesh.manifests.selection import deployments_of, rule_of, service_of, subset_labels
from marskit.mesh.manifests.validate_canaries import check_canaries
from marskit.mesh.manifests.validate_effects import check_effects
from marskit.mesh.manifests.validate_workloads import check_deployments, check_services


def validate(config: MeshConfig, *, require_local: bool) -> Iterator[Finding]:
    """Errors and oddities between the objects, in the order of the checks below."""
    yield from _same_names(config)
    yield from check_deployments(config, require_local=require_local)
    yield from check_canaries(config)
    yield from check_services(config)
    yield from _destination_rules(config)
    yield from _virtual_services(config)
    yield from _claims(config)
    yield from check_effects(config)


def _same_names(config: MeshConfig) -> Iterator[Finding]:
    """Require unique bare names, because screens and actions use them."""
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
                yield fatal(
                    kind,
                    item,
                    ("metadata", "name"),
                    f"has the name of one in namespace {first.namespace}; use another",
                )


def _destination_rules(config: MeshConfig) -> Iterator[Finding]:
    by_host: dict[str, DestinationRule] = {}
    for rule in config.destination_rules:
        first = by_host.setdefault(rule.host, rule)
        if first is not rule:
            yield fatal(
                "DestinationRule",
                rule,
                ("spec", "host"),
                f"{rule.host} has a DestinationRule already, {first.name} in"
                f" {place(config, 'DestinationRule', first)}; one host can have only one",
            )
        covered = [service for service in config.services if covers(rule.host, service.host)]
        if not covered:
            sentence = f"{rule.host} is not a Service of these manifests"
            yield notice("DestinationRule", rule, ("spec", "host"), sentence)
            continue
        for index, subset in enumerate(rule.subsets):
            if not any(deployments_of(config, service, subset.labels) for service in covered):
                path = ("spec", "subsets", index, "labels")
                yield notice("DestinationRule", rule, path, f"subset {subset.name} selects no Deployment")


def _virtual_services(config: MeshConfig) -> Iterator[Finding]:
    gateways = {f"{gateway.namespace}/{gateway.name}" for gateway in config.gateways}
    for gateway in config.gateways:
        if not any(binding.gateway is gateway for binding in bindings(config)):
            sentence = "no VirtualService is bound to it, so every request that enters there gets a 404"
            yield notice("Gateway", gateway, ("spec", "servers"), sentence)
    for vs in config.virtual_services:
        for index, name in enumerate(vs.gateways):
            if name != MESH_GATEWAY and name not in gateways:
                yield fatal(
                    "VirtualService",
                    vs,
                    ("spec", "gateways", index),
                    f"Gateway {name} does not exist{suggestion(name, gateways)};"
                    f" choose from {', '.join(sorted(gateways)) or 'none'}",
                    lacks=("Gateway", name.rpartition("/")[2]),
                )
        for index, host in enumerate(vs.hosts):
            inside = MESH_GATEWAY in vs.gateways and host.endswith(CLUSTER_DOMAIN) and host[0] != "*"
            if inside and not service_of(config, host):
                sentence = f"{host} is not a Service, so nothing can call it"
                yield notice("VirtualService", vs, ("spec", "hosts", index), sentence)
        for index, route in enumerate(vs.http):
            path: Path = ("spec", "http", index)
            for position, destination in enumerate(route.destinations):
                yield from _destination(config, vs, (*path, "route", position, "destination"), destination)
            for mirror in route.mirrors:
                yield from _destination(config, vs, path, mirror.destination)


def _entrances(config: MeshConfig, vs: VirtualService) -> set[int]:
    """The gateway ports of a VirtualService; without a port, the one that the request entered by."""
    return {binding.server.port for binding in bindings(config) if binding.service is vs}


def _destination(
    config: MeshConfig, vs: VirtualService, path: Path, destination: RouteDestination
) -> Iterator[Finding]:
    host = destination.host
    service = service_of(config, host)
    if service is None:
        names = sorted(service.name for service in config.services)
        yield fatal(
            "VirtualService",
            vs,
            (*path, "host"),
            f"{host} is not a Service{suggestion(host.partition('.')[0], names)};"
            f" choose from {', '.join(names) or 'none'}",
            lacks=("Service", host.partition(".")[0]),
        )
        return
    ports = [port for port, _ in service.ports]
    if destination.port is not None and destination.port not in ports:
        yield fatal(
            "VirtualService",
            vs,
            (*path, "port", "number"),
            f"Service {service.name} has no port {destination.port}; it has {', '.join(map(str, ports))}",
        )
    port = destination.port or (ports[0] if len(ports) == 1 else None)
    if port is None and MESH_GATEWAY not in vs.gateways and not _entrances(config, vs) & {*ports}:
        sentence = f"it must name one of the ports of Service {service.name}: {', '.join(map(str, ports))}"
        yield fatal("VirtualService", vs, path, sentence, lacks=("Gateway", ""))
    if port and (protocol := dict(service.other_protocols).get(port)):
        sentence = f"port {port} of Service {service.name} carries {protocol}, {ONLY_HTTP}"
        yield fatal("VirtualService", vs, path, sentence)
    if destination.subset is not None and subset_labels(config, host, destination.subset) is None:
        rule = rule_of(config, host)
        names = [subset.name for subset in rule.subsets] if rule else []
        yield fatal(
            "VirtualService",
            vs,
            (*path, "subset"),
            f"no DestinationRule of {host} has a subset {destination.subset}"
            f"{suggestion(destination.subset, names)}; choose from {', '.join(names) or 'none'}",
            lacks=("DestinationRule", ""),
        )


def _claims(config: MeshConfig) -> Iterator[Finding]:
    """Check hosts with several VirtualServices: sidecars use one, a Gateway all, one after another."""
    claimed: dict[tuple[str, str], VirtualService] = {}
    for vs in config.virtual_services:
        for gateway, (index, host) in product(vs.gateways, enumerate(vs.hosts)):
            first = claimed.setdefault((gateway, host), vs)
            if first is vs or (gateway == MESH_GATEWAY and not _seen_by_one(first, vs)):
                continue
            path, where = ("spec", "hosts", index), place(config, "VirtualService", first)
            if gateway == MESH_GATEWAY:
                yield fatal(
                    "VirtualService",
                    vs,
                    path,
                    f"{host} is claimed by VirtualService {first.name} in {where} too, and a sidecar would"
                    " use only one of them: put the routes into one VirtualService",
                )
            else:
                yield notice(
                    "VirtualService",
                    vs,
                    path,
                    f"its routes for {host} at Gateway {gateway} come after those of VirtualService"
                    f" {first.name} in {where}",
                )


def _seen_by_one(one: VirtualService, other: VirtualService) -> bool:
    """Whether some caller follows both."""
    return "*" in (*one.export_to, *other.export_to) or bool({*one.export_to} & {*other.export_to})
