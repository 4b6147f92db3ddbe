"""Service addresses in the variables of a process: through them, one workload calls another."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from marskit.mesh.manifests.model import MeshConfig
from marskit.mesh.manifests.names import CLUSTER_DOMAIN, Scope
from marskit.mesh.manifests.selection import selects
from marskit.mesh.manifests.workloads import Deployment, KubernetesService

_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_HOST = re.compile(rf"(?<![\w.-])(?P<host>{_LABEL}(?:\.{_LABEL})*)(?::(?P<port>\d{{1,5}}))?(?![\w.-])")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://(?:[^/@\s]*@)?$")
_ADDRESS_VARIABLE = re.compile(r"(?P<stem>.*?)_?(HOST|HOSTNAME|ADDR|ADDRESS|URL|URI|SERVICE|ENDPOINT)")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """One address inside a variable's value."""

    variable: str
    start: int
    end: int
    service: KubernetesService
    port: int
    port_variable: str | None
    """The variable that contains the port, for an address that is split over two."""

    @property
    def answered(self) -> bool:
        """Whether the Service has that port."""
        return any(port == self.port for port, _ in self.service.ports)


def effective_environment(deployment: Deployment) -> dict[str, str]:
    """The container's variables with those for the local process on top."""
    return dict(deployment.env) | dict(deployment.local.env if deployment.local else ())


def addresses(config: MeshConfig, deployment: Deployment) -> Iterator[Address]:
    """The Services addressed in a Deployment's variables, with their positions in the values.

    A name counts when it stands in a URL, has a port, is fully qualified, or is the whole value of a variable
    named like an address (`PAYMENTS_HOST`); the port may then stand in a variable of its own
    (`PAYMENTS_PORT`). The bare name of the Deployment's own Service is an identity, not an address.
    """
    env = effective_environment(deployment)
    services = {service.host: service for service in config.services}
    scope = Scope(deployment.namespace, frozenset(service.namespace for service in config.services))
    for variable, value in env.items():
        for match in _HOST.finditer(value):
            service = services.get(scope.host(match["host"]))
            if service is not None:
                found = _address(env, variable, match, service, is_own=selects(service, deployment))
                if found:
                    yield found


def strangers(config: MeshConfig, deployment: Deployment) -> Iterator[tuple[str, str]]:
    """`(variable, host)` of fully qualified names of Services that the manifests lack."""
    known = {service.host for service in config.services}
    for variable, value in effective_environment(deployment).items():
        for match in _HOST.finditer(value):
            host = match["host"]
            full = f"{host}.cluster.local" if host.endswith(".svc") else host
            if full.endswith(f".{CLUSTER_DOMAIN}") and full not in known:
                yield variable, host


def _address(
    env: Mapping[str, str], variable: str, match: re.Match[str], service: KubernetesService, *, is_own: bool
) -> Address | None:
    before = env[variable][: match.start()]
    scheme = _SCHEME.search(before)
    port = int(match["port"]) if match["port"] else None
    port_variable = None
    if scheme is None:
        if "/" in before.rpartition(",")[2]:
            # Part of a path, after a host that was an address or was not.
            return None
        named = _ADDRESS_VARIABLE.fullmatch(variable) if match[0] == env[variable] else None
        qualified = match["host"].endswith((".svc", CLUSTER_DOMAIN))
        if port is None and not qualified and (named is None or is_own):
            return None
        if port is None and named is not None:
            port_variable = _port_variable(named["stem"], env)
            port = int(env[port_variable]) if port_variable else None
    usual = _DEFAULT_PORTS.get(scheme[1]) if scheme else None
    return Address(
        variable=variable,
        start=match.start(),
        end=match.end(),
        service=service,
        port=port or usual or service.ports[0][0],
        port_variable=port_variable,
    )


def _port_variable(stem: str, env: Mapping[str, str]) -> str | None:
    names = (f"{stem}_PORT", f"{stem}_SERVICE_PORT")
    return next((name for name in names if env.get(name, "").isdecimal()), None)
