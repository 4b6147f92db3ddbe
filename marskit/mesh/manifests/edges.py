"""The edges that routes allow: from the gateways and from a calling Deployment to the workloads."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from marskit.domain.topology import GATEWAY, EdgeId
from marskit.mesh.manifests.istio import (
    MESH_GATEWAY,
    HttpMatch,
    HttpRoute,
    MatchKind,
    StringMatch,
    VirtualService,
)
from marskit.mesh.manifests.model import MeshConfig
from marskit.mesh.manifests.names import hosts_meet
from marskit.mesh.manifests.selection import deployments_of, has_labels, reached_by, routes_of, service_of
from marskit.mesh.manifests.workloads import Deployment, KubernetesService

_EVERYTHING = (None, StringMatch(MatchKind.PREFIX, "/"), StringMatch(MatchKind.REGEX, ".*"))


@dataclass(frozen=True, slots=True)
class _Entrance:
    """Where requests meet the routes of a VirtualService."""

    gateway: str
    port: int
    caller: Deployment | None
    """None for a real gateway, whose pods are unknown."""
    authorities: tuple[str, ...] | None
    """The names that the caller may have used; None for any."""


def gateway_edges(config: MeshConfig) -> Iterator[EdgeId]:
    """The edges over which traffic enters the mesh, whatever their weight."""
    for vs in config.virtual_services:
        for gateway in config.gateways:
            name = f"{gateway.namespace}/{gateway.name}"
            if name not in vs.gateways:
                continue
            for server in gateway.servers:
                if any(hosts_meet(host, served) for host in vs.hosts for served in server.hosts):
                    for route in _routes(vs, _Entrance(name, server.port, None, None)):
                        yield from _edges(config, GATEWAY, route)


def call_edges(
    config: MeshConfig, caller: Deployment, service: KubernetesService, port: int
) -> Iterator[EdgeId]:
    """The edges over which a Deployment's calls to one port of a Service may go, whatever their weight."""
    vs = routes_of(config, service.host)
    parts = service.host.split(".")
    names = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
    authorities = (*names, *(f"{name}:{port}" for name in names))
    routes = list(_routes(vs, _Entrance(MESH_GATEWAY, port, caller, authorities))) if vs else []
    for route in routes:
        yield from _edges(config, caller.name, route)
    if not routes:
        # As in Istio: without a route for this caller the call goes straight to the Service.
        for deployment in deployments_of(config, service):
            yield EdgeId(caller.name, service.name, deployment.name)


def _routes(vs: VirtualService, entrance: _Entrance) -> Iterator[HttpRoute]:
    """The routes that can be taken from there, up to the first that matches everything."""
    for route in vs.http:
        for match in route.matches or (HttpMatch(),):
            if _can_hold(match, entrance):
                yield route
                if _takes_everything(match):
                    return


def _can_hold(match: HttpMatch, entrance: _Entrance) -> bool:
    """Whether a request from the source may meet the conditions, as far as the source is known."""
    if match.port not in (None, entrance.port):
        return False
    if match.authority is not None and entrance.authorities is not None:
        authority = match.authority
        if not any(_holds(authority, name) for name in entrance.authorities):
            return False
    if match.gateways:
        # As in Istio: a match that lists gateways ignores its source conditions.
        return entrance.gateway in match.gateways
    if entrance.caller is None:
        return not match.source_labels and match.source_namespace is None
    caller = entrance.caller
    return has_labels(caller.labels, match.source_labels) and match.source_namespace in (
        None,
        caller.namespace,
    )


def _holds(match: StringMatch, text: str) -> bool:
    match match.kind:
        case MatchKind.EXACT:
            return text == match.value
        case MatchKind.PREFIX:
            return text.startswith(match.value)
        case MatchKind.REGEX:
            return re.fullmatch(match.value, text) is not None


def _takes_everything(match: HttpMatch) -> bool:
    conditions = (match.method, match.authority, match.scheme)
    lists = (match.headers, match.without_headers, match.query_params)
    return match.uri in _EVERYTHING and not any(conditions) and not any(lists)


def _edges(config: MeshConfig, source: str, route: HttpRoute) -> Iterator[EdgeId]:
    for destination in (*route.destinations, *(mirror.destination for mirror in route.mirrors)):
        service = service_of(config, destination.host)
        if service is not None:
            for deployment in reached_by(config, destination):
                yield EdgeId(source, service.name, deployment.name)
