"""The call graph of the manifests, and the domain's records made from it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from marskit.domain.apportion import apportion
from marskit.domain.config import Configuration, Destination, OutlierSetting, RouteSetting
from marskit.domain.goals import Goals, Slo
from marskit.domain.topology import EdgeId, Service, Topology, Workload
from marskit.mesh.manifests.addresses import Address, addresses, effective_environment
from marskit.mesh.manifests.edges import call_edges, gateway_edges
from marskit.mesh.manifests.istio import HttpRoute, RouteDestination, VirtualService
from marskit.mesh.manifests.model import MeshConfig
from marskit.mesh.manifests.names import CLUSTER_DOMAIN
from marskit.mesh.manifests.selection import (
    deployments_of,
    reached_by,
    selects,
    service_of,
)
from marskit.mesh.manifests.workloads import Deployment

DEFAULT_LATENCY_P95_MS = 500.0
DEFAULT_AVAILABILITY_PERCENT = 99.0

LOOPBACK = "127.0.0.1"
USUAL_PORTS = (80, 443)


@dataclass(frozen=True, slots=True)
class AddressVariable:
    """One variable that gives a Deployment the address of a Service."""

    caller: str
    variable: str
    service: str
    namespace: str
    """Namespace of the Service."""
    port: int
    """Port of the Service, as the caller addresses it."""
    value: str
    """The variable's value as written."""
    authority: str
    """What the caller sends as the authority: host and port as written."""

    @property
    def host(self) -> str:
        """The fully qualified host name of the Service."""
        return f"{self.service}.{self.namespace}.{CLUSTER_DOMAIN}"


def calls(config: MeshConfig) -> tuple[AddressVariable, ...]:
    """Every Service address in the variables of every Deployment, in order."""
    return tuple(call for deployment in config.deployments for _, call in _calls(config, deployment))


def local_environment(
    config: MeshConfig, deployment: Deployment, listener_port_of: Callable[[AddressVariable], int]
) -> dict[str, str]:
    """The variables of a replica on this machine: Service addresses become those of listeners."""
    env = effective_environment(deployment)
    moved = dict(env)
    # From the last address of a value to its first, so that earlier positions stay valid.
    for address, call in reversed(list(_calls(config, deployment))):
        port = listener_port_of(call)
        value = moved[call.variable]
        target = LOOPBACK if address.port_variable else f"{LOOPBACK}:{port}"
        moved[call.variable] = value[: address.start] + target + value[address.end :]
        if address.port_variable:
            moved[address.port_variable] = str(port)
    return moved


def _calls(config: MeshConfig, deployment: Deployment) -> Iterator[tuple[Address, AddressVariable]]:
    env = effective_environment(deployment)
    for address in addresses(config, deployment):
        service = address.service
        if address.answered:
            call = AddressVariable(
                caller=deployment.name,
                variable=address.variable,
                service=service.name,
                namespace=service.namespace,
                port=address.port,
                value=env[address.variable],
                authority=_authority(env, address),
            )
            yield address, call


def _authority(env: Mapping[str, str], address: Address) -> str:
    written = env[address.variable][address.start : address.end]
    # HTTP leaves the usual ports out of the authority.
    return written if ":" in written or address.port in USUAL_PORTS else f"{written}:{address.port}"


def topology(config: MeshConfig) -> Topology:
    """Workloads, the Services in front of them, and every edge that the routes allow, whatever its weight."""
    edges = tuple(dict.fromkeys((*gateway_edges(config), *_edges_of_calls(config))))
    services = tuple(
        Service(
            name=service.name,
            namespace=service.namespace,
            port=service.ports[0][0],
            workloads=tuple(d.name for d in deployments),
        )
        for service in config.services
        if (deployments := deployments_of(config, service))
    )
    return Topology(
        namespace=config.namespace,
        services=services,
        workloads=tuple(_workload(config, deployment, edges) for deployment in config.deployments),
        edges=edges,
    )


def _workload(config: MeshConfig, deployment: Deployment, edges: tuple[EdgeId, ...]) -> Workload:
    called = (edge.service for edge in edges if edge.workload == deployment.name)
    selecting = (service.name for service in config.services if selects(service, deployment))
    return Workload(
        name=deployment.name,
        service=next(called, None) or next(selecting, ""),
        version=dict(deployment.labels).get("version"),
        min_replicas=deployment.min_replicas,
        max_replicas=deployment.max_replicas,
        canary_of=deployment.canary_of,
    )


def _edges_of_calls(config: MeshConfig) -> Iterator[EdgeId]:
    by_name = {deployment.name: deployment for deployment in config.deployments}
    services = {(service.name, service.namespace): service for service in config.services}
    for call in calls(config):
        service = services[call.service, call.namespace]
        yield from call_edges(config, by_name[call.caller], service, call.port, call.authority)


def configuration(config: MeshConfig) -> Configuration:
    """The part that actions can change, with the weights of each route as percentages that add up to 100."""
    return Configuration(
        replicas=tuple((deployment.name, deployment.replicas) for deployment in config.deployments),
        routes=tuple(
            route_setting(config, vs, index)
            for vs in config.virtual_services
            for index in range(len(vs.http))
        ),
        outliers=tuple(
            OutlierSetting(
                destination_rule=rule.name,
                service=_service_name(config, rule.host),
                outlier_detection=rule.traffic_policy.outlier_detection if rule.traffic_policy else None,
            )
            for rule in config.destination_rules
        ),
    )


def route_setting(config: MeshConfig, vs: VirtualService, index: int) -> RouteSetting:
    """One route of a VirtualService, with its weights as percentages."""
    route = vs.http[index]
    return RouteSetting(
        virtual_service=vs.name,
        index=index,
        name=route.name,
        destinations=_destinations(config, route),
        timeout_ms=route.timeout_ms,
        retries=route.retries,
    )


def _destinations(config: MeshConfig, route: HttpRoute) -> tuple[Destination, ...]:
    shares = apportion(100, [destination.weight for destination in route.destinations])
    return tuple(
        _destination(config, destination, share)
        for destination, share in zip(route.destinations, shares, strict=True)
    )


def _destination(config: MeshConfig, destination: RouteDestination, share: int) -> Destination:
    reached = reached_by(config, destination)
    return Destination(
        service=_service_name(config, destination.host),
        subset=destination.subset,
        workload=reached[0].name if len(reached) == 1 else None,
        weight_percent=share,
    )


def _service_name(config: MeshConfig, host: str) -> str:
    service = service_of(config, host)
    return service.name if service else host


def goals(config: MeshConfig) -> Goals:
    """The annotated SLOs, and a default one for each Service that the gateway leads to."""
    entered = {edge.service for edge in gateway_edges(config)}
    return Goals(
        tuple(
            Slo(
                service=service.name,
                latency_ms=_or(service.slo_latency_p95_ms, DEFAULT_LATENCY_P95_MS),
                availability_percent=_or(service.slo_availability_percent, DEFAULT_AVAILABILITY_PERCENT),
            )
            for service in config.services
            if service.name in entered
            or service.slo_latency_p95_ms is not None
            or service.slo_availability_percent is not None
        )
    )


def _or(value: float | None, default: float) -> float:
    return default if value is None else value
