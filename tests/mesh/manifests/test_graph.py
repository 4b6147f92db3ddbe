"""Who calls whom, and the domain's records made of manifests."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from marskit.domain.config import Destination, RouteSetting
from marskit.domain.goals import Slo
from marskit.domain.topology import GATEWAY, EdgeId
from marskit.mesh.manifests.graph import (
    AddressVariable,
    calls,
    configuration,
    goals,
    local_environment,
    topology,
)
from marskit.mesh.manifests.istio import RouteDestination
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.model import MeshConfig
from tests.mesh.manifests.shop import FIXTURES, changed, shop


def with_env(env: Mapping[str, str]) -> MeshConfig:
    front, *others = shop().deployments
    return replace(shop(), deployments=(replace(front, env=tuple(env.items())), *others))


def found(env: Mapping[str, str]) -> list[tuple[str, str, int]]:
    return [(call.variable, call.service, call.port) for call in calls(with_env(env))]


@pytest.mark.parametrize(
    ("variable", "value", "local", "authority"),
    [
        ("X", "http://cart:8080/items", "http://127.0.0.1:9001/items", "cart:8080"),
        ("X", "http://cart:8080", "http://127.0.0.1:9001", "cart:8080"),
        ("X", "cart:8080", "127.0.0.1:9001", "cart:8080"),
        ("X", "cart.shop:8080", "127.0.0.1:9001", "cart.shop:8080"),
        ("X", "cart.shop.svc", "127.0.0.1:9001", "cart.shop.svc:8080"),
        (
            "X",
            "http://cart.shop.svc.cluster.local:8080/cart:8080",
            "http://127.0.0.1:9001/cart:8080",
            "cart.shop.svc.cluster.local:8080",
        ),
        ("X", "grpc://cart", "grpc://127.0.0.1:9001", "cart:8080"),
        ("X", "http://me:secret@cart:8080/x", "http://me:secret@127.0.0.1:9001/x", "cart:8080"),
        ("CART_HOST", "cart", "127.0.0.1:9001", "cart:8080"),
        ("CART_ADDR", "cart.shop", "127.0.0.1:9001", "cart.shop:8080"),
        ("CART_URL", "cart", "127.0.0.1:9001", "cart:8080"),
        ("CART_SERVICE", "cart", "127.0.0.1:9001", "cart:8080"),
    ],
)
def test_addresses_of_a_service(variable: str, value: str, local: str, authority: str) -> None:
    config = with_env({variable: value})
    call = AddressVariable("front", variable, "cart", "shop", 8080, value, authority)
    assert calls(config) == (call,)
    assert call.host == "cart.shop.svc.cluster.local"
    assert local_environment(config, config.deployments[0], lambda _: 9001)[variable] == local


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("NAME", "cart"),
        ("CART_URL", "the cart"),
        ("CART_URL", "http://cart.example.com:8080"),
        ("CART_URL", "http://shopping-cart:8080"),
        ("CART_URL", "http://cart-x:8080"),
        ("CART_URL", "http://cart:9999"),
        ("CART_URL", "http://other/cart:8080"),
        ("FILE", "/etc/cart:8080"),
        ("HOST", "0.0.0.0"),
        ("SERVICE", "front"),
        ("EMPTY", ""),
    ],
)
def test_what_is_no_address(variable: str, value: str) -> None:
    assert found({variable: value}) == []


def test_an_address_in_two_variables() -> None:
    config = with_env({"CART_HOST": "cart", "CART_PORT": "8080", "OTHER_PORT": "8080"})
    env = local_environment(config, config.deployments[0], lambda _: 9001)
    assert env == {"CART_HOST": "127.0.0.1", "CART_PORT": "9001", "OTHER_PORT": "8080"}


def test_several_addresses_in_one_variable() -> None:
    config = with_env({"ALL": "cart:8080,http://front,cart:8080"})
    ports = {"cart": 9001, "front": 10}
    assert found({"ALL": "cart:8080,http://front,cart:8080"}) == [
        ("ALL", "cart", 8080),
        ("ALL", "front", 80),
        ("ALL", "cart", 8080),
    ]
    env = local_environment(config, config.deployments[0], lambda call: ports[call.service])
    assert env["ALL"] == "127.0.0.1:9001,http://127.0.0.1:10,127.0.0.1:9001"


def test_variables_of_the_local_process_count() -> None:
    config = load_mesh([FIXTURES / "bookinfo"], mapping=FIXTURES / "bookinfo" / "mapping.toml")
    assert [(call.caller, call.variable, call.service) for call in calls(config)] == [
        ("reviews-v1", "RATINGS_HOSTNAME", "ratings"),
        ("reviews-v3", "RATINGS_HOSTNAME", "ratings"),
        ("productpage-v1", "DETAILS_HOSTNAME", "details"),
        ("productpage-v1", "REVIEWS_HOSTNAME", "reviews"),
    ]
    page = next(d for d in config.deployments if d.name == "productpage-v1")
    assert local_environment(config, page, lambda call: len(call.service)) == {
        "DETAILS_HOSTNAME": "127.0.0.1",
        "DETAILS_SERVICE_PORT": "7",
        "REVIEWS_HOSTNAME": "127.0.0.1:7",
    }


def test_the_topology_of_the_shop() -> None:
    graph = topology(shop())
    assert graph.edges == (
        EdgeId(GATEWAY, "front", "front"),
        EdgeId("front", "cart", "cart-v2"),
        EdgeId("front", "cart", "cart-v1"),
    )
    assert [(s.name, s.port, s.workloads) for s in graph.services] == [
        ("front", 80, ("front",)),
        ("cart", 8080, ("cart-v1", "cart-v2")),
    ]
    assert [(w.name, w.service, w.version) for w in graph.workloads] == [
        ("front", "front", None),
        ("cart-v1", "cart", "v1"),
        ("cart-v2", "cart", "v2"),
    ]


def test_without_routes_a_call_reaches_every_workload(tmp_path: Path) -> None:
    config = replace(shop(), virtual_services=shop().virtual_services[:1])
    assert [edge.workload for edge in topology(config).edges] == ["front", "cart-v1", "cart-v2"]


@pytest.mark.parametrize(
    ("condition", "callee"),
    [
        ("sourceLabels: {app: front}", "front"),
        ("sourceLabels: {app: back}", None),
        ("sourceNamespace: shop", "front"),
        ("sourceNamespace: other", None),
        ("port: 8080", "front"),
        ("port: 80", None),
        ("gateways: [mesh]", "front"),
        ("gateways: [door]", None),
    ],
)
def test_conditions_on_the_caller_decide_what_it_can_reach(
    condition: str, callee: str | None, tmp_path: Path
) -> None:
    file = changed(
        tmp_path,
        '        - headers:\n            x-beta:\n              exact: "yes"\n      route:\n'
        "        - destination:\n            host: cart\n            subset: v2\n",
        f"        - {condition}\n          method:\n            exact: GET\n      route:\n"
        "        - destination:\n            host: front\n",
    )
    callees = topology(load_mesh([file])).callees("front")
    assert callees == ((callee, "cart") if callee else ("cart",))


def test_mirrors_are_edges_too(tmp_path: Path) -> None:
    file = changed(tmp_path, "      timeout: 2s\n", "      mirror: {host: cart, subset: v1}\n")
    assert EdgeId(GATEWAY, "cart", "cart-v1") in topology(load_mesh([file])).edges


def test_a_wildcard_host_routes_calls(tmp_path: Path) -> None:
    file = changed(tmp_path, "  hosts: [cart]\n", '  hosts: ["*.shop.svc.cluster.local"]\n')
    edges = topology(load_mesh([file])).edges
    assert [edge.workload for edge in edges if edge.source == "front"] == ["cart-v2", "cart-v1"]


def test_the_configuration_of_the_shop() -> None:
    settings = configuration(shop())
    assert settings.replicas == (("front", 2), ("cart-v1", 1), ("cart-v2", 3))
    assert settings.route("front", 0) == RouteSetting(
        "front", 0, None, (Destination("front", None, "front", 100),), 2000, None
    )
    assert settings.route("cart", 1).destinations == (
        Destination("cart", "v1", "cart-v1", 80),
        Destination("cart", "v2", "cart-v2", 20),
    )
    assert [(o.destination_rule, o.service, o.outlier_detection is None) for o in settings.outliers] == [
        ("cart", "cart", False),
        ("front", "front", True),
    ]


def test_a_destination_of_several_workloads_names_none() -> None:
    vs = shop().virtual_services[1]
    route = replace(vs.http[1], destinations=(RouteDestination(vs.hosts[0]),))
    config = replace(shop(), virtual_services=(replace(vs, http=(route,)),))
    assert configuration(config).route("cart", 0).destinations == (Destination("cart", None, None, 100),)


def test_relative_weights_become_percentages() -> None:
    vs = shop().virtual_services[1]
    destinations = tuple(RouteDestination(vs.hosts[0], weight=weight) for weight in (1, 2))
    config = replace(
        shop(), virtual_services=(replace(vs, http=(replace(vs.http[1], destinations=destinations),)),)
    )
    assert [d.weight_percent for d in configuration(config).route("cart", 0).destinations] == [33, 67]


def test_goals_are_annotated_or_usual_at_the_entrance() -> None:
    assert goals(shop()).slos == (
        Slo("front", latency_ms=500.0, availability_percent=99.0),
        Slo("cart", latency_ms=120.0, availability_percent=99.0),
    )
    config = load_mesh([FIXTURES / "bookinfo"], mapping=FIXTURES / "bookinfo" / "mapping.toml")
    assert goals(config).slos == (Slo("productpage", latency_ms=250.0, availability_percent=99.5),)
