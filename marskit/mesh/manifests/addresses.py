"""Addresses of Services in the variables of a process: that is how one workload calls another."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from marskit.mesh.manifests.names import CLUSTER_DOMAIN
from marskit.mesh.manifests.workloads import KubernetesService

_HOST = re.compile(
    r"(?<![\w.-])(?P<host>[a-z](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*)"
    r"(?::(?P<port>\d{1,5}))?(?![\w.-])"
)
_ADDRESS_VARIABLE = re.compile(r"(?P<stem>.*?)_?(HOST|HOSTNAME|ADDR|ADDRESS|URL|URI|SERVICE|ENDPOINT)")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """One address inside a variable's value."""

    service: KubernetesService
    port: int
    start: int
    end: int
    port_variable: str | None
    """The variable that the port stands in, for an address that is split over two."""


def addresses(
    variable: str,
    env: Mapping[str, str],
    services: Sequence[KubernetesService],
    namespace: str,
    own: str | None,
) -> Iterator[Address]:
    """The Services addressed in one variable of `env`, with their places in its value.

    A name counts when it stands in a URL, has a port, is fully qualified, or is the whole value of a variable
    named like an address (`PAYMENTS_HOST`); the port may then stand in a variable of its own
    (`PAYMENTS_PORT`).

    Args:
        variable: The name of the variable.
        env: All variables of the process.
        services: The Services that can be addressed.
        namespace: The process's own, which short names are relative to.
        own: The process's own Service; its bare name is an identity, not an address.
    """
    value = env[variable]
    by_host = {service.host: service for service in services}
    for match in _HOST.finditer(value):
        service = by_host.get(_full(match["host"], namespace))
        if service is None:
            continue
        ports = [port for port, _ in service.ports]
        written = int(match["port"]) if match["port"] else None
        scheme = re.search(r"([a-z][a-z0-9+.-]*)://[^/@\s]*@?$", value[: match.start()])
        in_path = not scheme and "/" in value[: match.start()].split(",")[-1]
        if in_path:
            continue
        port_variable = None
        if written is None and scheme is None:
            bare = match[0] == value
            stem = _ADDRESS_VARIABLE.fullmatch(variable)
            qualified = match["host"].endswith((".svc", CLUSTER_DOMAIN))
            if not qualified and not (bare and stem and service.name != own):
                continue
            port_variable = _port_variable(stem["stem"], env) if bare and stem else None
            written = int(env[port_variable]) if port_variable else None
        port = written or _DEFAULT_PORTS.get(scheme[1] if scheme else "", ports[0])
        yield Address(service, port, match.start(), match.end(), port_variable)


def _full(host: str, namespace: str) -> str:
    name, *rest = host.split(".")
    match rest:
        case []:
            return f"{name}.{namespace}.{CLUSTER_DOMAIN}"
        case [_]:
            return f"{host}.{CLUSTER_DOMAIN}"
        case [_, "svc"]:
            return f"{host}.cluster.local"
        case _:
            return host


def _port_variable(stem: str, env: Mapping[str, str]) -> str | None:
    names = (f"{stem}_PORT", f"{stem}_SERVICE_PORT")
    return next((name for name in names if env.get(name, "").isdecimal()), None)
