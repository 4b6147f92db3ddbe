"""Compiles manifests to the twin's model: the YAML of a cluster, read as stations and calls."""

from collections.abc import Mapping
from dataclasses import replace

from marskit.domain.apportion import apportion
from marskit.domain.config import Configuration, RouteSetting
from marskit.domain.topology import GATEWAY, Topology
from marskit.mesh.manifests.addresses import effective_environment
from marskit.mesh.manifests.graph import configuration, topology
from marskit.mesh.manifests.model import ManifestError, MeshConfig
from marskit.mesh.manifests.selection import rule_of
from marskit.mesh.manifests.traffic_policy import (
    LoadBalancer,
)
from marskit.mesh.manifests.workloads import Deployment
from marskit.mesh.simulator.card import Card, Fitted
from marskit.mesh.simulator.model import (
    NO_RETRIES,
    Balancer,
    Call,
    Distribution,
    Station,
    TwinModel,
    retry_rule,
)

DEFAULT_WORKERS = 2
DEFAULT_SERVICE_MS = 10.0
DEFAULT_CV = 0.5
DEFAULT_QUEUE_LIMIT = 64
"""The demo services' default; for other services, calibrate."""
DEFAULT_HOP_MS = 2.0
DEFAULT_START_S = 0.6
_CV = {Distribution.EXPONENTIAL: 1.0, Distribution.CONSTANT: 0.0}


def twin_model(config: MeshConfig, card: Card | None = None) -> TwinModel:
    """The model of the mesh; a card's fitted numbers replace those of the manifests.

    Raises:
        ManifestError: The twin cannot simulate this mesh.
    """
    graph, settings = topology(config), configuration(config)
    order = _callers_first(graph)
    by_name = {deployment.name: deployment for deployment in config.deployments}
    stations = tuple(_station(config, by_name[name], graph) for name in order)
    calls = tuple(
        _call(config, graph, settings, source, service)
        for source in (GATEWAY, *order)
        for service in graph.callees(source)
    )
    if not any(call.source == GATEWAY for call in calls):
        raise ManifestError("no route leads from a Gateway to a Service, so no request can enter the mesh")
    model = TwinModel(stations, calls)
    return calibrated(model, card) if card else model


def calibrated(model: TwinModel, card: Card) -> TwinModel:
    """The model with the card's values."""
    return TwinModel(
        tuple(_fit_station(station, card) for station in model.stations),
        tuple(_fit_call(call, card) for call in model.calls),
        _value(card.crowding, model.crowding),
    )


def _fit_station(station: Station, card: Card) -> Station:
    fit = card.stations.get(station.workload)
    if fit is None:
        return station
    return replace(
        station,
        service_ms=_value(fit.service_ms, station.service_ms),
        service_cv=_value(fit.service_cv, station.service_cv),
        start_s=_value(fit.start_s, station.start_s),
    )


def _fit_call(call: Call, card: Card) -> Call:
    fit = card.calls.get((call.source, call.service))
    if fit is None:
        return call
    return replace(
        call,
        per_request=_value(fit.per_request, call.per_request),
        hop_ms=_value(fit.hop_ms, call.hop_ms),
    )


def _value(fitted: Fitted | None, default: float) -> float:
    return fitted.value if fitted else default


def _callers_first(graph: Topology) -> tuple[str, ...]:
    """All workloads, each after its callers; else in the order of the manifests.

    The order of calls does not matter, so that a policy, which reads stations by position, stays valid.
    """
    workloads = {service.name: service.workloads for service in graph.services}
    done: list[str] = []
    open_path: list[str] = []

    def visit(name: str) -> None:
        if name in open_path:
            circle = " → ".join([*open_path[open_path.index(name) :], name])
            raise ManifestError(f"the calls {circle} form a cycle, which the twin cannot simulate")
        if name in done:
            return
        open_path.append(name)
        called = {callee for service in graph.callees(name) for callee in workloads.get(service, ())}
        for workload in reversed(graph.workloads):
            if workload.name in called:
                visit(workload.name)
        open_path.pop()
        done.append(name)

    for workload in reversed(graph.workloads):
        visit(workload.name)
    return tuple(reversed(done))


def _station(config: MeshConfig, deployment: Deployment, graph: Topology) -> Station:
    env = effective_environment(deployment)
    distribution = Distribution(env.get("SERVICE_TIME_DISTRIBUTION") or Distribution.LOGNORMAL)
    workload = graph.workload(deployment.name)
    return Station(
        workload=deployment.name,
        service=workload.service,
        replicas=deployment.replicas,
        min_replicas=deployment.min_replicas,
        max_replicas=deployment.max_replicas,
        workers=int(_number(env, "WORKERS", DEFAULT_WORKERS)),
        service_ms=_number(env, "SERVICE_TIME_MS", DEFAULT_SERVICE_MS),
        service_cv=_CV.get(distribution, _number(env, "SERVICE_TIME_CV", DEFAULT_CV)),
        distribution=distribution,
        queue_limit=int(_number(env, "QUEUE_LIMIT", DEFAULT_QUEUE_LIMIT)),
        balancer=_balancer(config, workload.service, deployment.namespace),
        start_s=DEFAULT_START_S,
    )


def _number(env: Mapping[str, str], name: str, default: float) -> float:
    try:
        return float(env.get(name) or default)
    except ValueError:
        raise ManifestError(f"{name} is {env[name]!r}; the twin needs a number there") from None


def _balancer(config: MeshConfig, service: str, namespace: str) -> Balancer:
    host = next((s.host for s in config.services if (s.name, s.namespace) == (service, namespace)), "")
    rule = rule_of(config, host)
    policy = rule.traffic_policy if rule else None
    match policy.load_balancer if policy else None:
        case LoadBalancer.ROUND_ROBIN:
            return Balancer.ROUND_ROBIN
        case LoadBalancer.RANDOM:
            return Balancer.RANDOM
        case _:
            return Balancer.LEAST_REQUEST


def _call(config: MeshConfig, graph: Topology, settings: Configuration, source: str, service: str) -> Call:
    edges = [edge.workload for edge in graph.edges if (edge.source, edge.service) == (source, service)]
    per_request = 1.0 / len(graph.callees(GATEWAY)) if source == GATEWAY else 1.0
    route = _route(config, settings, source, service)
    if route is None:
        return Call(source, service, per_request, DEFAULT_HOP_MS, _even(edges), None)
    ours = [d for d in route.destinations if d.service == service]
    named = all(d.workload is not None for d in ours)
    splits = tuple((d.workload, d.weight_percent) for d in ours if d.workload is not None) if named else ()
    return Call(
        source=source,
        service=service,
        per_request=per_request,
        hop_ms=DEFAULT_HOP_MS,
        splits=splits or _even(edges),
        route=(route.virtual_service, route.index),
        subsets=tuple(d.subset or d.service for d in ours) if len(splits) > 1 else (),
        timeout_ms=route.timeout_ms,
        retries=retry_rule(route.retries) if route.destinations else NO_RETRIES,
    )


def _even(workloads: list[str]) -> tuple[tuple[str, int], ...]:
    return tuple(zip(workloads, apportion(100, [1] * len(workloads)), strict=True))


def _route(config: MeshConfig, settings: Configuration, source: str, service: str) -> RouteSetting | None:
    """The route that most requests take: the first that splits them, else the last one possible.

    Routes for requests with particular headers are rare; the twin ignores them.
    """
    from_gateway = source == GATEWAY
    inside = {vs.name: "mesh" in vs.gateways for vs in config.virtual_services}
    routes = [r for r in settings.routes_to(service) if inside[r.virtual_service] != from_gateway]
    for route in routes:
        written = next(vs for vs in config.virtual_services if vs.name == route.virtual_service)
        fault = written.http[route.index].fault
        if fault is not None and (fault.delays or fault.aborts):
            raise ManifestError(f"{route.label}: the twin cannot simulate `fault` of a VirtualService")
    splitting = [route for route in routes if len(route.destinations) > 1]
    return next(iter(splitting), routes[-1] if routes else None)
