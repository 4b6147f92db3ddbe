"""Parses VirtualServices strictly, with Istio's own semantics."""

from marskit.mesh.manifests.fields import UINT32, Field, FieldError, Fields
from marskit.mesh.manifests.hosts import served_host, service_host
from marskit.mesh.manifests.istio import (
    EVERYWHERE,
    MESH_GATEWAY,
    HttpRoute,
    Mirror,
    RetryChoice,
    RouteDestination,
    VirtualService,
)
from marskit.mesh.manifests.metadata import object_spec
from marskit.mesh.manifests.names import Scope, intersection
from marskit.mesh.manifests.parse_conflicts import check_conflicts
from marskit.mesh.manifests.parse_export import export_to
from marskit.mesh.manifests.parse_match import http_match
from marskit.mesh.manifests.parse_route import (
    cors_policy,
    direct_response,
    fault,
    header_operations,
    percentage,
    redirect,
    retries,
    rewrite,
    whole_percent,
)

_ROUTE_FIELDS = (
    "corsPolicy",
    "directResponse",
    "fault",
    "headers",
    "match",
    "mirror",
    "mirrorPercent",
    "mirrorPercentage",
    "mirror_percent",
    "mirrors",
    "name",
    "redirect",
    "retries",
    "rewrite",
    "route",
    "timeout",
)
_ROUTE_UNSUPPORTED = ("delegate",)


def virtual_service(root: Field, name: str, scope: Scope) -> VirtualService:
    """A VirtualService with HTTP routes."""
    spec = object_spec(root).fields(("exportTo", "gateways", "hosts", "http"), ("tcp", "tls"))
    hosts = spec.want("hosts", _hosts, ())
    named = spec.take("gateways", lambda f: f.each(scope.gateway))
    gateways = named or (MESH_GATEWAY,)
    exported = spec.take("exportTo", lambda f: export_to(f, scope), EVERYWHERE)
    if "*" in hosts and MESH_GATEWAY in gateways:
        problem = (
            'is "*" for the gateway mesh, but must name a host there: only real gateways take every host'
        )
        root.tell(FieldError((*root.path, "spec", "hosts"), problem))
    return VirtualService(
        name=name,
        namespace=scope.namespace,
        hosts=tuple(scope.host(host) for host in hosts),
        gateways=gateways,
        http=spec.need("http", lambda f: f.each(lambda rule: _http_route(rule, scope), "route")),
        export_to=exported,
    )


def _hosts(field: Field) -> tuple[str, ...]:
    hosts = field.each(served_host, "host")
    for index, host in enumerate(hosts):
        earlier = next((other for other in hosts[:index] if intersection(host, other)), None)
        if earlier is not None:
            problem = f"is {host}, which {earlier} covers too; one VirtualService can have a host only once"
            field.tell(FieldError((*field.path, index), problem))
    return hosts


def _http_route(field: Field, scope: Scope) -> HttpRoute:
    rule = field.fields(_ROUTE_FIELDS, _ROUTE_UNSUPPORTED)
    if rule.one_of("route", "redirect", "directResponse") is None:
        problem = "has no route, redirect or directResponse, but must have one of them"
        field.tell(FieldError(field.path, problem))
    check_conflicts(rule)
    policy, choice = rule.take("retries", retries, (None, RetryChoice()))
    return HttpRoute(
        name=rule.take("name", Field.text),
        matches=rule.take("match", lambda f: f.each(lambda m: http_match(m, scope)), ()),
        destinations=rule.take("route", lambda f: _destinations(f, scope), ()),
        redirect=rule.take("redirect", redirect),
        direct_response=rule.take("directResponse", direct_response),
        rewrite=rule.take("rewrite", rewrite),
        # 0s is Istio's way to write that there is no timeout.
        timeout_ms=rule.take("timeout", lambda f: f.duration_ms(0)) or None,
        retries=policy,
        retry_choice=choice,
        fault=rule.take("fault", fault),
        mirrors=_mirrors(rule, scope),
        headers=rule.take("headers", header_operations, HttpRoute().headers),
        cors=rule.take("corsPolicy", cors_policy),
    )


def _destinations(field: Field, scope: Scope) -> tuple[RouteDestination, ...]:
    destinations = field.each(lambda item: _weighted(item, scope), "destination")
    if len(destinations) > 1 and not sum(d.weight for d in destinations):
        raise FieldError(field.path, "has weights that add up to 0, but one must be more than 0")
    if sum(d.weight for d in destinations) > UINT32:
        raise FieldError(field.path, f"has weights that add up to more than {UINT32}, Envoy's limit")
    return destinations


def _weighted(field: Field, scope: Scope) -> RouteDestination:
    entry = field.fields(("destination", "headers", "weight"))
    host, subset, port = entry.want("destination", lambda f: _destination(f, scope), ("", None, None))
    return RouteDestination(
        host=host,
        subset=subset,
        port=port,
        weight=entry.take("weight", Field.integer, 0),
        headers=entry.take("headers", header_operations, HttpRoute().headers),
    )


def _destination(field: Field, scope: Scope) -> tuple[str, str | None, int | None]:
    destination = field.fields(("host", "port", "subset"))
    return (
        scope.host(destination.want("host", service_host, "")),
        destination.take("subset", Field.text),
        destination.take("port", lambda f: f.fields(("number",)).need("number", Field.port)),
    )


def _mirrors(rule: Fields, scope: Scope) -> tuple[Mirror, ...]:
    if rule.one_of("mirror", "mirrors") == "mirrors":
        return rule.need("mirrors", lambda f: f.each(lambda m: _mirror(m, scope)))
    old = rule.one_of("mirrorPercent", "mirror_percent") or "mirrorPercent"
    percent = rule.take("mirrorPercentage", percentage, rule.take(old, whole_percent, 100.0))
    destination = rule.take("mirror", lambda f: _destination(f, scope))
    if destination is None:
        return ()
    host, subset, port = destination
    return (Mirror(RouteDestination(host=host, subset=subset, port=port), percent),)


def _mirror(field: Field, scope: Scope) -> Mirror:
    entry = field.fields(("destination", "percentage"))
    host, subset, port = entry.need("destination", lambda f: _destination(f, scope))
    return Mirror(
        RouteDestination(host=host, subset=subset, port=port), entry.take("percentage", percentage, 100.0)
    )
