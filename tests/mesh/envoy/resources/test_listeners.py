import pytest

from marskit.mesh.envoy.resources.listeners import listeners
from marskit.mesh.envoy.resources.model import Listener
from marskit.mesh.manifests.istio import GatewayServer
from marskit.mesh.manifests.model import ManifestError
from tests.mesh.envoy.resources.factory import SHOP, call, config, gateway


def test_one_for_the_gateway_and_one_per_caller_and_service() -> None:
    calls = (call("front", "shop"), call("front", "shop"), call("back", "shop", port=81))
    assert listeners(config(), calls) == (
        Listener("ingress", "ingress", None, 80),
        Listener("front__shop__8080", "front", SHOP, 8080),
        Listener("back__shop__81", "back", SHOP, 81),
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


def test_other_protocols_are_refused_by_name() -> None:
    tls = gateway(GatewayServer(443, "HTTPS", ("a",)))
    with pytest.raises(ManifestError, match=r"Gateway town/gate: the server on port 443 has protocol HTTPS;"):
        listeners(config(gateways=(tls,)), ())
