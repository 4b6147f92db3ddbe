"""What differs from listener to listener: callers, host names and ports, as a real Envoy tells them apart."""

from dataclasses import replace
from pathlib import Path

import pytest

from marskit.mesh.manifests.istio import Gateway, GatewayServer, HttpMatch, HttpRoute, VirtualService
from tests.mesh.envoy.resources.bench import Bench, running_bench
from tests.mesh.envoy.resources.factory import (
    FOOD,
    FOOD_ONLY,
    GATE,
    MUSIC,
    MUSIC_ONLY,
    NAMESPACE,
    SHOP,
    TILL,
    TILLS,
    at_gateway,
    config,
    exact,
    gateway,
    in_mesh,
    prefix,
    regex,
    to,
    when,
)

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("envoy-resources")]

FRONT, BACK, FRONT_TILL = "front__shop__8080", "back__shop__8080", "front__till__8080"
TO_FOOD = HttpRoute(destinations=FOOD_ONLY)
TO_MUSIC = HttpRoute(destinations=MUSIC_ONLY)
TO_TILL = HttpRoute(destinations=(to(TILL),))


def test_a_service_without_rules_is_reached_as_a_whole(bench: Bench) -> None:
    bench.apply(config())
    reached = {bench.request(listener=FRONT).backend for _ in range(60)}
    assert reached == {FOOD, MUSIC, "shop-music#2"}
    assert bench.request(listener=FRONT_TILL).backend == TILLS
    assert bench.request().status == 404


def test_rules_for_the_gateway_are_not_for_the_mesh(bench: Bench) -> None:
    bench.apply(config(at_gateway(TO_FOOD), in_mesh(TO_TILL)))
    assert bench.request().backend == FOOD
    assert bench.request(listener=FRONT).backend == TILLS


def test_rules_for_both_are_told_apart_by_the_gateways_of_a_match(bench: Bench) -> None:
    inside = when(HttpMatch(gateways=("mesh",)), MUSIC_ONLY)
    bench.apply(config(VirtualService("both", NAMESPACE, (SHOP, "*"), ("mesh", GATE), (inside, TO_FOOD))))
    assert bench.request().backend == FOOD
    assert bench.request(listener=FRONT).backend in (MUSIC, "shop-music#2")


def test_a_caller_is_known_by_its_labels_and_namespace(bench: Bench) -> None:
    gold = when(HttpMatch(source_labels=(("tier", "gold"),)), FOOD_ONLY)
    elsewhere = when(HttpMatch(source_namespace="elsewhere"), FOOD_ONLY)
    here = when(HttpMatch(source_namespace=NAMESPACE), (to(TILL),))
    bench.apply(config(in_mesh(gold, elsewhere, here)))
    assert bench.request(listener=FRONT).backend == FOOD
    assert bench.request(listener=BACK).backend == TILLS


def test_what_the_gateway_said_of_the_client_is_passed_on_between_workloads(bench: Bench) -> None:
    bench.apply(config(at_gateway(TO_FOOD), in_mesh(TO_FOOD)))
    known = {"x-forwarded-for": "10.0.0.1", "x-request-id": "abc-1"}
    assert bench.request(listener=FRONT, headers=known).sent["headers"].items() >= known.items()
    # The gateway adds the client's address, which for a client on this machine is the machine's.
    assert bench.request(headers=known).sent["headers"]["x-forwarded-for"].startswith("10.0.0.1,")


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (HttpMatch(authority=exact("shop:8080")), True),
        (HttpMatch(authority=exact("shop")), False),
        (HttpMatch(authority=regex(r"[[:alpha:]]+:\d+")), True),
        (HttpMatch(headers=((":authority", prefix("shop")),)), True),
        (HttpMatch(headers=(("Host", exact("till:8080")),)), False),
        (HttpMatch(without_headers=((":authority", prefix("shop")),)), False),
        (HttpMatch(without_headers=((":authority", prefix("till")),)), True),
        (HttpMatch(headers=((":authority", None), (":method", exact("GET")))), True),
        (HttpMatch(headers=((":path", prefix("/a")), (":scheme", exact("http")))), True),
        (HttpMatch(headers=((":path", prefix("/b")),)), False),
    ],
)
def test_a_caller_is_taken_to_send_the_name_that_its_variable_holds(
    *,
    condition: HttpMatch,
    holds: bool,
    bench: Bench,
) -> None:
    bench.apply(config(in_mesh(when(condition, FOOD_ONLY), TO_TILL)))
    assert bench.request("/a", listener=FRONT).backend == (FOOD if holds else TILLS)


def test_a_virtual_service_is_for_the_namespaces_that_it_is_exported_to(bench: Bench) -> None:
    bench.apply(config(replace(in_mesh(TO_FOOD, host=TILL), export_to=("elsewhere",))))
    assert bench.request(listener=FRONT_TILL).backend == TILLS
    bench.apply(config(replace(in_mesh(TO_FOOD, host=TILL), export_to=("elsewhere", NAMESPACE))))
    assert bench.request(listener=FRONT_TILL).backend == FOOD


def test_the_port_of_the_service_is_what_a_match_means(bench: Bench) -> None:
    bench.apply(config(in_mesh(when(HttpMatch(port=80), FOOD_ONLY), when(HttpMatch(port=8080), (to(TILL),)))))
    assert bench.request(listener=FRONT).backend == TILLS


def test_where_no_rule_can_apply_the_service_is_reached_as_if_there_were_none(bench: Bench) -> None:
    bench.apply(config(in_mesh(when(HttpMatch(source_labels=(("tier", "gold"),)), FOOD_ONLY), host=TILL)))
    assert bench.request(listener=FRONT_TILL).backend == FOOD
    bench.apply(config(in_mesh(when(HttpMatch(source_labels=(("tier", "lead"),)), FOOD_ONLY), host=TILL)))
    assert bench.request(listener=FRONT_TILL).backend == TILLS


def test_the_virtual_service_that_names_a_host_goes_before_one_with_a_wildcard(bench: Bench) -> None:
    wild = VirtualService("wild", NAMESPACE, ("*.town.svc.cluster.local",), ("mesh",), (TO_FOOD,))
    bench.apply(config(wild, in_mesh(TO_TILL)))
    assert bench.request(listener=FRONT).backend == TILLS
    assert bench.request(listener=FRONT_TILL).backend == FOOD


def test_hosts_at_the_gateway(bench: Bench) -> None:
    bench.apply(
        config(
            at_gateway(TO_FOOD, hosts=("food.example.com",), name="food"),
            at_gateway(TO_TILL, hosts=("*.example.com",), name="all"),
        )
    )
    asked = {
        "food.example.com": FOOD,
        "food.example.com:8080": FOOD,
        "x.example.com": TILLS,
        "x.y.example.com": TILLS,
    }
    assert {host: bench.request(headers={"host": host}).backend for host in asked} == asked
    assert bench.request(headers={"host": "example.org"}).status == 404


def test_virtual_services_for_one_host_are_joined_and_what_takes_everything_comes_last(bench: Bench) -> None:
    bench.apply(
        config(
            at_gateway(when(HttpMatch(exact("/food")), FOOD_ONLY), TO_TILL, name="first"),
            at_gateway(when(HttpMatch(prefix("/music")), MUSIC_ONLY), name="second"),
        )
    )
    assert bench.request("/food").backend == FOOD
    assert bench.request("/music").backend in (MUSIC, "shop-music#2")
    assert bench.request("/other").backend == TILLS


def test_every_port_of_the_gateways_is_a_listener_with_its_own_hosts(tmp_path: Path) -> None:
    ports = gateway(GatewayServer(80, "HTTP", ("*.example.com",)), GatewayServer(8081, "HTTP2", ("*",)))
    rules = config(
        at_gateway(when(HttpMatch(port=8081), (to(TILL),)), TO_FOOD, hosts=("*",)), gateways=(ports,)
    )
    with running_bench(tmp_path, rules, (FOOD, TILLS), calls=()) as bench:
        assert [listener.name for listener in bench.listeners] == ["ingress__80", "ingress__8081"]
        assert bench.request(listener="ingress__8081").backend == TILLS
        assert bench.request(listener="ingress__80").status == 404
        assert bench.request(listener="ingress__80", headers={"host": "a.example.com"}).backend == FOOD


def test_a_port_of_pods_with_other_labels_is_an_entrance_of_its_own(tmp_path: Path) -> None:
    http = (GatewayServer(80, "HTTP", ("*",)),)
    front = Gateway("front", NAMESPACE, http, (("istio", "public"),))
    staff = Gateway("staff", NAMESPACE, http, (("istio", "private"),))
    public = VirtualService("public", NAMESPACE, ("*",), (f"{NAMESPACE}/front",), (TO_FOOD,))
    private = VirtualService("private", NAMESPACE, ("*",), (f"{NAMESPACE}/staff",), (TO_TILL,))
    rules = config(public, private, gateways=(front, staff))
    with running_bench(tmp_path, rules, (FOOD, TILLS), calls=()) as bench:
        assert bench.request(listener="ingress__80").backend == FOOD
        assert bench.request(listener="ingress__staff.town__80").backend == TILLS


def test_a_gateway_takes_hosts_of_the_namespaces_that_it_lists_and_may_send_all_to_https(
    tmp_path: Path,
) -> None:
    servers = (
        GatewayServer(80, "HTTP", (f"{NAMESPACE}/*.ours.test", "elsewhere/*.theirs.test", "all.test")),
        GatewayServer(81, "HTTP", ("*",), https_redirect=True),
    )
    rules = config(at_gateway(TO_FOOD, hosts=("*",)), gateways=(gateway(*servers),))
    with running_bench(tmp_path, rules, (FOOD,), calls=()) as bench:
        hosts = ("a.ours.test", "a.theirs.test", "all.test")
        found = [bench.request(listener="ingress__80", headers={"host": host}).status for host in hosts]
        assert found == [200, 404, 200]
        moved = bench.request("/a?b", listener="ingress__81", headers={"host": "x.test"})
        assert (moved.status, moved.headers["location"]) == (301, "https://x.test/a?b")
