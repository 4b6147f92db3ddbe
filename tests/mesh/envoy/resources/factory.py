"""Small configurations for the tests: shop (food and music) and till (one workload), called by `front`."""

from pathlib import Path

from marskit.mesh.envoy.resources.model import Endpoint, Listener
from marskit.mesh.manifests.graph import AddressVariable
from marskit.mesh.manifests.istio import (
    MESH_GATEWAY,
    DestinationRule,
    Gateway,
    GatewayServer,
    HttpMatch,
    HttpRoute,
    MatchKind,
    RouteDestination,
    StringMatch,
    Subset,
    VirtualService,
)
from marskit.mesh.manifests.model import MeshConfig
from marskit.mesh.manifests.traffic_policy import (
    TrafficPolicy,
)
from marskit.mesh.manifests.workloads import Deployment, KubernetesService

NAMESPACE = "town"
SHOP = f"shop.{NAMESPACE}.svc.cluster.local"
TILL = f"till.{NAMESPACE}.svc.cluster.local"
VOID = f"void.{NAMESPACE}.svc.cluster.local"
GATE = f"{NAMESPACE}/gate"
FOOD, MUSIC, TILLS = "shop-food", "shop-music", "till"


def call(caller: str, service: str, namespace: str = NAMESPACE, port: int = 8080) -> AddressVariable:
    return AddressVariable(
        caller, "URL", service, namespace, port, f"http://{service}:{port}", f"{service}:{port}"
    )


CALLS = (call("front", "shop"), call("front", "till"), call("back", "shop"))


def exact(value: str) -> StringMatch:
    return StringMatch(MatchKind.EXACT, value)


def prefix(value: str) -> StringMatch:
    return StringMatch(MatchKind.PREFIX, value)


def regex(value: str) -> StringMatch:
    return StringMatch(MatchKind.REGEX, value)


def deployment(name: str, **labels: str) -> Deployment:
    return Deployment(
        name=name,
        namespace=NAMESPACE,
        labels=tuple(labels.items()),
        replicas=1,
        image="example/image:1",
        container_port=8080,
        env=(),
        readiness=None,
        metrics_path=None,
        cpu_request_millis=None,
        termination_grace_s=30.0,
        min_replicas=1,
        max_replicas=10,
        local=None,
    )


def service(name: str, *ports: int) -> KubernetesService:
    return KubernetesService(
        name=name,
        namespace=NAMESPACE,
        selector=(("app", name),),
        ports=tuple((port, port) for port in ports or (8080,)),
        slo_latency_p95_ms=None,
        slo_availability_percent=None,
    )


def gateway(*servers: GatewayServer) -> Gateway:
    return Gateway("gate", NAMESPACE, servers or (GatewayServer(80, "HTTP", ("*",)),))


SHOP_RULE = DestinationRule(
    "shop",
    NAMESPACE,
    SHOP,
    subsets=(Subset("food", (("version", "food"),)), Subset("music", (("version", "music"),))),
)


def config(
    *virtual_services: VirtualService,
    rules: tuple[DestinationRule, ...] = (SHOP_RULE,),
    gateways: tuple[Gateway, ...] | None = None,
    services: tuple[KubernetesService, ...] | None = None,
) -> MeshConfig:
    return MeshConfig(
        namespace=NAMESPACE,
        root=Path(),
        documents=(),
        deployments=(
            deployment("front", app="front", tier="gold"),
            deployment("back", app="back"),
            deployment(FOOD, app="shop", version="food"),
            deployment(MUSIC, app="shop", version="music"),
            deployment(TILLS, app="till"),
        ),
        services=services or (service("shop"), service("till"), service("void")),
        gateways=gateways or (gateway(),),
        virtual_services=virtual_services,
        destination_rules=rules,
        notices=(),
    )


def to(
    host: str = SHOP, subset: str | None = None, weight: int = 0, port: int | None = 8080
) -> RouteDestination:
    return RouteDestination(host, subset, port, weight)


def split(food: int, music: int) -> tuple[RouteDestination, ...]:
    return (to(SHOP, "food", food), to(SHOP, "music", music))


FOOD_ONLY = (to(SHOP, "food"),)
MUSIC_ONLY = (to(SHOP, "music"),)


def at_gateway(*http: HttpRoute, hosts: tuple[str, ...] = ("*",), name: str = "outside") -> VirtualService:
    return VirtualService(name, NAMESPACE, hosts, (GATE,), http)


def in_mesh(*http: HttpRoute, host: str = SHOP, name: str = "inside") -> VirtualService:
    return VirtualService(name, NAMESPACE, (host,), (MESH_GATEWAY,), http)


def when(match: HttpMatch, destinations: tuple[RouteDestination, ...]) -> HttpRoute:
    return HttpRoute(matches=(match,), destinations=destinations)


def shop_policy(policy: TrafficPolicy) -> DestinationRule:
    return DestinationRule("shop", NAMESPACE, SHOP, policy, SHOP_RULE.subsets)


def endpoints(*workloads: str) -> tuple[Endpoint, ...]:
    return tuple(Endpoint(name, "127.0.0.1", 9000 + index) for index, name in enumerate(workloads))


def ports(listeners: tuple[Listener, ...]) -> dict[str, int]:
    return {listener.name: 19000 + index for index, listener in enumerate(listeners)}
