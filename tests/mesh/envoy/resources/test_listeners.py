from marskit.mesh.envoy.resources.listeners import listeners
from marskit.mesh.envoy.resources.model import Listener
from marskit.mesh.manifests.istio import Gateway, GatewayServer
from tests.mesh.envoy.resources.factory import GATE, NAMESPACE, SHOP, call, config, gateway


def test_one_for_the_gateway_and_one_per_caller_and_service() -> None:
    calls = (call("front", "shop"), call("front", "shop"), call("back", "shop", port=81))
    assert listeners(config(), calls) == (
        Listener("ingress", "ingress", None, 80, (GATE,)),
        Listener("front__shop__8080", "front", SHOP, 8080, names=("shop:8080",)),
        Listener("back__shop__81", "back", SHOP, 81, names=("shop:81",)),
    )


def test_a_service_of_another_namespace_keeps_it_in_the_name() -> None:
    [_, edge] = listeners(config(), (call("front", "shop", "village"),))
    assert (edge.name, edge.service) == ("front__shop.village__8080", "shop.village.svc.cluster.local")


def test_one_port_of_several_gateways_is_one_listener() -> None:
    both = (gateway(GatewayServer(80, "HTTP", ("a",))), gateway(GatewayServer(80, "HTTP", ("b",))))
    assert [listener.name for listener in listeners(config(gateways=both), ())] == ["ingress"]


def test_several_ports_are_told_apart() -> None:
    ports = gateway(GatewayServer(80, "HTTP", ("a",)), GatewayServer(8081, "HTTP2", ("a",)))
    assert [each.name for each in listeners(config(gateways=(ports,)), ())] == [
        "ingress__80",
        "ingress__8081",
    ]


def test_gateways_with_other_selectors_are_entrances_of_their_own() -> None:
    http = (GatewayServer(80, "HTTP", ("*",)),)
    front = Gateway("front", NAMESPACE, http, (("istio", "public"),))
    again = Gateway("again", NAMESPACE, http, (("istio", "public"),))
    staff = Gateway("staff", NAMESPACE, http, (("istio", "private"),))
    anyone = Gateway("anyone", NAMESPACE, http)
    found = listeners(config(gateways=(front, again, staff, anyone)), ())
    assert [(each.name, each.gateways) for each in found] == [
        ("ingress__80", ("town/front", "town/again", "town/anyone")),
        ("ingress__staff.town__80", ("town/staff", "town/anyone")),
    ]
