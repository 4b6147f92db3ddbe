import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marskit.domain.faults import HangReplica, InjectErrors
from marskit.domain.observation import EdgeObservation, Latency
from marskit.domain.state import State
from marskit.domain.topology import GATEWAY, EdgeId, Service, Topology, Workload
from marskit.views.depths import call_depths
from marskit.views.tone import Tone
from marskit.views.topology import topology_view, unhealthy
from tests.tui import scripts


def mesh(*calls: tuple[str, str]) -> Topology:
    names = sorted({name for call in calls for name in call} - {GATEWAY})
    return Topology(
        "demo",
        tuple(Service(name, "demo", 80, (name,)) for name in names),
        tuple(Workload(name, name, None) for name in names),
        tuple(EdgeId(source, target, target) for source, target in calls),
    )


def test_a_callee_stands_right_of_all_its_callers() -> None:
    topology = mesh((GATEWAY, "shop"), ("shop", "cart"), ("cart", "stock"), ("shop", "stock"))
    assert call_depths(topology) == {"shop": 1, "cart": 2, "stock": 3}


def test_a_cycle_is_cut_where_it_closes() -> None:
    topology = mesh((GATEWAY, "a"), ("a", "b"), ("b", "c"), ("c", "a"))
    assert call_depths(topology) == {"a": 1, "b": 2, "c": 3}


NAMES = st.sampled_from([GATEWAY, "a", "b", "c", "d", "e"])


@given(st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=12))
def test_depths_are_bounded_by_the_number_of_workloads(calls: list[tuple[str, str]]) -> None:
    depths = call_depths(mesh(*calls))
    assert all(1 <= depth <= len(depths) for depth in depths.values())


def test_a_healthy_mesh_is_well_everywhere() -> None:
    view = topology_view(scripts.healthy().state)
    assert [[node.name for node in layer] for layer in view.layers] == [
        [GATEWAY],
        ["orders"],
        ["payments", scripts.FOOD, scripts.MUSIC],
    ]
    assert {node.health for node in view.nodes} == {Tone.OK}
    assert {edge.health for edge in view.edges} == {Tone.OK}


def test_a_violation_shows_where_it_is_and_where_it_comes_from() -> None:
    view = topology_view(scripts.violated().state)
    health = {node.name: node.health for node in view.nodes}
    # What orders inherits from payments is not its own; that its promise is broken stands on the service.
    assert health == {
        GATEWAY: Tone.OK,
        "orders": Tone.OK,
        "payments": Tone.WARN,
        scripts.FOOD: Tone.OK,
        scripts.MUSIC: Tone.OK,
    }
    assert [each.service for each in view.violated] == ["orders", "payments"]
    assert all(re.fullmatch(r"p95 \d+ ms > [23]00 ms", each.text) for each in view.violated)
    assert [node.name for node in view.nodes if node.is_bottleneck] == ["payments"]
    assert {e.target: e.health for e in view.edges}["payments"] is Tone.BAD


def seen_with(name: str, *, failures_per_s: float = 0.0, slow: float = 1.0, rate: float = 20.0) -> State:
    """The healthy demo, with one workload that fails so often or answers so much more slowly."""
    state = scripts.healthy().state
    seen = state.observation
    assert seen is not None

    def edge(each: EdgeObservation) -> EdgeObservation:
        if each.edge.workload != name:
            return each
        latency = Latency(200, 30.0 * slow, 60.0 * slow, 80.0 * slow, 40.0 * slow)
        return replace(each, requests_per_s=rate, failures_per_s=failures_per_s, latency=latency)

    edges = tuple(edge(each) for each in seen.edges)
    services = tuple(
        replace(each, failures_per_s=failures_per_s, latency=replace(each.latency, p95_ms=60.0 * slow))
        if name.startswith(each.service)
        else each
        for each in seen.services
    )
    return replace(state, observation=replace(seen, edges=edges, services=services))


@pytest.mark.parametrize("fault", [{"failures_per_s": 4.0}, {"slow": 30.0}], ids=["errors", "slow"])
@pytest.mark.parametrize("name", [scripts.FOOD, scripts.MUSIC, "payments"])
def test_only_the_workload_that_does_it_is_red_and_its_service_is_told(
    name: str, fault: dict[str, float]
) -> None:
    view = topology_view(seen_with(name, **fault))
    assert [node.name for node in view.nodes if node.health is Tone.BAD] == [name]
    assert [each.service for each in view.violated] == [view.node(name).service]  # type: ignore[union-attr]


def test_a_workload_without_traffic_is_never_red_for_its_service() -> None:
    state = seen_with(scripts.FOOD, failures_per_s=4.0)
    assert state.observation is not None
    quiet = tuple(
        replace(each, requests_per_s=0.0, failures_per_s=0.0, latency=Latency())
        if each.edge.workload == scripts.MUSIC
        else each
        for each in state.observation.edges
    )
    rows = tuple(
        replace(each, requests_per_s=0.0, utilisation=0.0) if each.workload == scripts.MUSIC else each
        for each in state.observation.workloads
    )
    state = replace(state, observation=replace(state.observation, edges=quiet, workloads=rows))
    music = topology_view(state).node(scripts.MUSIC)
    assert music is not None
    assert music.health is Tone.UNKNOWN


def test_only_what_ails_can_be_shown_with_its_callers() -> None:
    view = unhealthy(topology_view(seen_with("payments", failures_per_s=4.0)))
    assert [node.name for node in view.nodes] == ["orders", "payments"]
    assert [(edge.source, edge.target) for edge in view.edges] == [("orders", "payments")]
    assert [node.layer for node in view.nodes] == [0, 1]
    assert unhealthy(topology_view(scripts.healthy().state)).layers == ()


def test_missing_replicas_and_faults_are_told_of_their_workload_alone() -> None:
    state = scripts.healthy().state
    assert state.observation is not None
    gone = [
        replace(w, replicas_ready=0) if w.workload == "payments" else w for w in state.observation.workloads
    ]
    state = replace(
        state,
        observation=replace(state.observation, workloads=tuple(gone)),
        faults=(InjectErrors("payments", 20), HangReplica("payments"), HangReplica("payments")),
    )
    payments, orders = (topology_view(state).node(name) for name in ("payments", "orders"))
    assert payments is not None
    assert orders is not None
    assert (payments.health, payments.faults) == (Tone.BAD, ("2 hung", "errors 20 %"))
    assert (orders.health, orders.faults) == (Tone.OK, ())


def test_requests_that_reached_no_workload_are_not_lost() -> None:
    state = scripts.healthy().state
    assert state.observation is not None
    lost = replace(
        state.observation.edges[1], edge=EdgeId("orders", "payments", "unknown"), failures_per_s=3.0
    )
    seen = replace(state.observation, edges=(*state.observation.edges, lost))
    assert topology_view(replace(state, observation=seen)).lost == ("payments 3.0/s",)


def test_before_the_run_there_is_nothing_and_before_the_traffic_only_the_graph() -> None:
    assert topology_view(State()).layers == ()
    view = topology_view(scripts.starting().state)
    assert {node.health for node in view.nodes} == {Tone.UNKNOWN}
    assert [node.replicas_desired for node in view.nodes if not node.is_gateway] == [2, 2, 2, 2]


def test_an_edge_carries_its_weight_and_the_share_it_had() -> None:
    edges = {edge.target: edge for edge in topology_view(scripts.healthy().state).edges}
    assert edges[scripts.FOOD].weight_percent == 50
    assert 47 < (edges[scripts.FOOD].share_percent or 0) < 53
    assert edges["payments"].weight_percent is None
