"""Cross-checks of Deployments and Services: references must exist."""

from collections.abc import Iterator

from marskit.domain.topology import GATEWAY
from marskit.mesh.manifests.addresses import addresses, strangers
from marskit.mesh.manifests.fields import Path, suggestion
from marskit.mesh.manifests.findings import ONLY_HTTP, Finding, fatal, notice
from marskit.mesh.manifests.mapping import MAPPING
from marskit.mesh.manifests.model import MeshConfig
from marskit.mesh.manifests.selection import deployments_of
from marskit.mesh.manifests.workloads import Deployment

_RESERVED = {GATEWAY: "the gateway", "unknown": "requests that reach no workload"}


def check_deployments(config: MeshConfig, *, require_local: bool) -> Iterator[Finding]:
    """Check that each can be run and calls only callable Services."""
    path: Path = ("spec", "template")
    for deployment in config.deployments:
        if deployment.name in _RESERVED:
            yield fatal(
                "Deployment",
                deployment,
                ("metadata", "name"),
                f"has the name that stands for {_RESERVED[deployment.name]}; use another",
            )
        if require_local and deployment.local is None:
            yield fatal(
                "Deployment",
                deployment,
                path,
                "it does not define how it runs on this machine: set the annotation marskit.dev/command on"
                f' its pod template, or images."{deployment.image}".command in a mapping file',
                lacks=(MAPPING, ""),
            )
        for address in addresses(config, deployment):
            protocol = dict(address.service.other_protocols).get(address.port)
            if address.answered and protocol:
                yield fatal(
                    "Deployment",
                    deployment,
                    path,
                    f"the variable {address.variable} addresses port {address.port} of Service"
                    f" {address.service.name}, which carries {protocol}, {ONLY_HTTP}; give the variable"
                    " another value in the annotation marskit.dev/env or in the mapping file",
                )
            if not address.answered:
                ports = ", ".join(str(port) for port, _ in address.service.ports)
                yield notice(
                    "Deployment",
                    deployment,
                    path,
                    f"the variable {address.variable} addresses port {address.port} of Service"
                    f" {address.service.name}, which has {ports}, so it is not a call",
                )
    yield from _strangers(config)


def _strangers(config: MeshConfig) -> Iterator[Finding]:
    for deployment in config.deployments:
        for variable, host in strangers(config, deployment):
            sentence = (
                f"the variable {variable} addresses {host}, which is not a Service here, so it is not a call"
            )
            yield notice("Deployment", deployment, ("spec", "template"), sentence)


def check_services(config: MeshConfig) -> Iterator[Finding]:
    """Check that each selects pods, with ports that they have."""
    for service in config.services:
        selected = deployments_of(config, service)
        if not selected:
            yield notice(
                "Service",
                service,
                ("spec", "selector"),
                "its selector selects no Deployment, so every request to it will fail",
            )
        for index, (port, target) in enumerate(service.ports):
            protocol = dict(service.other_protocols).get(port)
            if protocol:
                sentence = f"port {port} carries {protocol} and is left out, {ONLY_HTTP}"
                yield notice("Service", service, ("spec", "ports", index), sentence)
            for deployment in selected:
                if not protocol and _is_second_port(deployment, target):
                    yield notice(
                        "Service",
                        service,
                        ("spec", "ports", index),
                        f"targetPort {target} is not the first port of Deployment {deployment.name}; a local"
                        " process has only one, and gets these requests too",
                    )
                names = [name for name, _ in deployment.named_ports]
                if isinstance(target, str) and target not in names:
                    yield fatal(
                        "Service",
                        service,
                        ("spec", "ports", index, "targetPort"),
                        f"targetPort {target} is not a port of Deployment {deployment.name}"
                        f"{suggestion(target, names)}; it has {', '.join(names) or 'no named port'}",
                    )


def _is_second_port(deployment: Deployment, target: int | str) -> bool:
    number = dict(deployment.named_ports).get(target) if isinstance(target, str) else target
    return number is not None and deployment.container_port not in (None, number)
