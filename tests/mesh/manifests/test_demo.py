"""The manifests that come with marskit: they load without a complaint and mean what they say."""

import pytest

from marskit.domain.actions import Scale, ShiftTraffic
from marskit.domain.topology import GATEWAY
from marskit.mesh.manifests.edit import apply_action, preview_action
from marskit.mesh.manifests.graph import calls, configuration, goals, local_environment, topology
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.model import MeshConfig
from tests.paths import ROOT


@pytest.fixture(scope="module")
def demo() -> MeshConfig:
    return load_mesh([ROOT / "k8s" / "base", ROOT / "service-mesh"])


def test_it_loads_without_notices(demo: MeshConfig) -> None:
    assert demo.notices == ()
    assert demo.root == ROOT
    assert [d.name for d in demo.deployments] == [
        "orders",
        "payments",
        "recommendations-food",
        "recommendations-music",
    ]


def test_every_local_command_is_there(demo: MeshConfig) -> None:
    for deployment in demo.deployments:
        assert deployment.local is not None
        assert deployment.local.command[0] == "node"


def test_the_canary_of_the_examples(demo: MeshConfig) -> None:
    config = load_mesh([ROOT / "k8s" / "base", ROOT / "examples" / "canary"])
    assert config.notices == ()
    assert config.root == ROOT
    on_trial = {w.name: w.canary_of for w in topology(config).workloads if w.canary_of}
    assert on_trial == {"recommendations-food-v2": "recommendations-food"}
    split = configuration(config).route("recommendations", 2)
    assert {d.workload: d.weight_percent for d in split.destinations} == {
        "recommendations-food": 90,
        "recommendations-food-v2": 10,
    }
    # But for that it is the demo.
    assert set(topology(demo).edges) < set(topology(config).edges)
    assert goals(config) == goals(demo)


def test_topology(demo: MeshConfig) -> None:
    graph = topology(demo)
    assert graph.callees(GATEWAY) == ("orders",)
    # In the order in which the service makes them.
    assert graph.callees("orders") == ("recommendations", "payments")
    assert [edge.workload for edge in graph.edges if edge.service == "recommendations"] == [
        "recommendations-food",
        "recommendations-music",
    ]


def test_addresses_become_listeners(demo: MeshConfig) -> None:
    ports = {"payments": 15001, "recommendations": 15002}
    env = local_environment(demo, demo.deployments[0], lambda call: ports[call.service])
    assert {call.variable for call in calls(demo)} == {"PAYMENTS_URL", "RECOMMENDATIONS_URL"}
    assert env["PAYMENTS_URL"] == "http://127.0.0.1:15001"
    assert env["RECOMMENDATIONS_URL"] == "http://127.0.0.1:15002"
    assert env["SERVICE_NAME"] == "orders"


def test_every_route_adds_up_to_100(demo: MeshConfig) -> None:
    for route in configuration(demo).routes:
        assert sum(d.weight_percent for d in route.destinations) == 100


def test_objectives_are_annotated(demo: MeshConfig) -> None:
    assert {slo.service for slo in goals(demo).slos} == {"orders", "payments", "recommendations"}


def test_scaling_and_shifting(demo: MeshConfig) -> None:
    before = configuration(demo)
    now = before.replicas_of("orders")
    more = Scale("orders", now + 1)
    scaled = apply_action(demo, more)
    assert preview_action(demo, more).command == (
        f"kubectl scale deployment/orders -n marskit-demo --replicas={now + 1} --current-replicas={now}"
    )
    assert configuration(scaled).replicas_of("orders") == now + 1
    split = next(route for route in before.routes if len(route.destinations) > 1)
    shares = ((split.destinations[0].subset or "", 90), (split.destinations[1].subset or "", 10))
    shifted = apply_action(scaled, ShiftTraffic(split.virtual_service, split.index, shares))
    after = configuration(shifted).route(split.virtual_service, split.index)
    assert [destination.weight_percent for destination in after.destinations] == [90, 10]
