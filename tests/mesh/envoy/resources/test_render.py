import json
from collections.abc import Sequence
from pathlib import PurePosixPath

import pytest

from marskit.mesh.envoy.resources.listeners import listeners
from marskit.mesh.envoy.resources.model import Endpoint, Resource, WorkloadFault
from marskit.mesh.envoy.resources.render import render
from marskit.mesh.manifests.istio import HttpRoute, Mirror, RouteDestination
from marskit.mesh.manifests.model import ManifestError, MeshConfig
from tests.mesh.envoy.resources.factory import (
    CALLS,
    FOOD,
    FOOD_ONLY,
    MUSIC,
    SHOP,
    TILL,
    TILLS,
    at_gateway,
    config,
    endpoints,
    in_mesh,
    ports,
    service,
    split,
    to,
)


def rendered(
    mesh: MeshConfig,
    ready: Sequence[Endpoint] = endpoints(FOOD, MUSIC, TILLS),
    faults: Sequence[WorkloadFault] = (),
) -> dict[str, tuple[Resource, ...]]:
    places = listeners(mesh, CALLS)
    return render(
        mesh,
        listeners=places,
        ports=ports(places),
        endpoints=ready,
        directory=PurePosixPath("/xds"),
        probe_token="t",
        faults=faults,
    )


def changed(before: dict[str, tuple[Resource, ...]], after: dict[str, tuple[Resource, ...]]) -> set[str]:
    assert before.keys() == after.keys()
    return {name for name in before if before[name] != after[name]}


def test_every_listener_has_a_routes_file_and_every_cluster_an_endpoints_file() -> None:
    files = rendered(config(at_gateway(HttpRoute(destinations=split(1, 1)))))
    clusters = {resource["name"] for resource in files["cds.json"]}
    assert clusters == {
        f"ingress|8080|food|{SHOP}",
        f"ingress|8080|music|{SHOP}",
        f"front__shop__8080|8080||{SHOP}",
        f"back__shop__8080|8080||{SHOP}",
        f"front__till__8080|8080||{TILL}",
    }
    of_clusters = {f"eds-{name.replace('|', '~')}.json" for name in clusters}
    of_listeners = {f"rds-{resource['name']}.json" for resource in files["lds.json"]}
    assert files.keys() == {"cds.json", "lds.json"} | of_clusters | of_listeners
    json.dumps(files)


def test_a_traffic_shift_changes_only_the_routes_that_follow_it() -> None:
    def shop(food: int) -> MeshConfig:
        return config(in_mesh(HttpRoute(destinations=split(food, 100 - food))), at_gateway())

    expected = {"rds-front__shop__8080.json", "rds-back__shop__8080.json"}
    assert changed(rendered(shop(100)), rendered(shop(90))) == expected
    assert changed(rendered(shop(90)), rendered(shop(0))) == expected
    assert changed(rendered(shop(90)), rendered(shop(90))) == set()


def test_another_replica_changes_only_the_endpoints_of_what_it_serves() -> None:
    mesh = config(in_mesh(HttpRoute(destinations=split(50, 50))))
    found = changed(rendered(mesh, endpoints(FOOD, TILLS)), rendered(mesh, endpoints(FOOD, TILLS, MUSIC)))
    assert found == {f"eds-{edge}__shop__8080~8080~music~{SHOP}.json" for edge in ("front", "back")}


@pytest.mark.parametrize(
    ("destinations", "sentence"),
    [
        (
            (to("ghost.town.svc.cluster.local"),),
            r"route\[0\].destination.host: ghost\.town.* is not a",
        ),
        (
            (to(SHOP), to(SHOP, "fish")),
            r"route\[1\].destination.subset: .* has subset fish; known: food, music",
        ),
        ((RouteDestination(SHOP, port=9),), r"route\[0\].destination.port: Service town/shop has no port 9;"),
        (split(0, 0), r"\.route: every weight is 0"),
        ((), r"\.route: no destination is given"),
    ],
)
def test_a_destination_that_is_not_there_is_named(
    destinations: tuple[RouteDestination, ...], sentence: str
) -> None:
    with pytest.raises(ManifestError, match=rf"^VirtualService town/outside: http\[0\].*{sentence}"):
        rendered(config(at_gateway(HttpRoute(destinations=destinations))))


def test_a_mirror_that_is_not_there_is_named() -> None:
    with pytest.raises(ManifestError, match=r"http\[0\].mirrors\[0\].destination.host: \S+ is not a Service"):
        rendered(config(at_gateway(HttpRoute(destinations=FOOD_ONLY, mirrors=(Mirror(to("x")),)))))


def test_a_service_with_several_ports_takes_that_of_the_listener() -> None:
    two = (service("shop", 8080, 9090), service("till"))
    portless = HttpRoute(destinations=(RouteDestination(SHOP),))
    files = rendered(config(in_mesh(portless), services=two))
    assert f"front__shop__8080|8080||{SHOP}" in {cluster["name"] for cluster in files["cds.json"]}
    with pytest.raises(ManifestError, match=r"Service town/shop has no port 80; it has 8080, 9090"):
        rendered(config(at_gateway(portless), services=two))


def test_a_fault_that_would_meet_others_is_refused() -> None:
    with pytest.raises(ManifestError, match=r"fault for shop-food .* includes shop-music; use subsets to"):
        rendered(config(), faults=(WorkloadFault(FOOD, delay_ms=1),))


def test_a_fault_that_nothing_can_meet_is_refused() -> None:
    with pytest.raises(ManifestError, match="a fault for back cannot be injected: no route leads to it"):
        rendered(config(), faults=(WorkloadFault("back", delay_ms=1),))
