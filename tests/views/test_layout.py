"""What nodes and edges say, and where they are."""

from dataclasses import replace
from itertools import pairwise

from marskit.domain.topology import GATEWAY
from marskit.views.labels import count_by_health, edge_label, node_label, violation_words
from marskit.views.layout import lay_out, place
from marskit.views.tone import Part, Tone
from marskit.views.topology import EdgeView, TopologyView, topology_view
from tests.tui import meshes, scripts


def test_a_node_says_its_health_its_replicas_and_its_traffic() -> None:
    view = topology_view(scripts.violated().state)
    gateway, payments = view.node(GATEWAY), view.node("payments")
    assert gateway is not None
    assert payments is not None
    ingress, label = node_label(gateway), node_label(payments)
    assert [part.text for part in ingress.rate] == ["112 req/s", "in"]
    assert (ingress.replicas, ingress.utilisation) == (None, None)
    assert label.health == Part("▲", Tone.WARN)
    assert label.replicas == Part("2/2", Tone.STRONG)
    assert label.badges == (Part("◆ bottleneck", Tone.BAD),)
    assert [part.text for part in label.marks] == ["◆"]
    assert label.busy_tone is Tone.WARN
    short = node_label(
        replace(payments, replicas_ready=None, utilisation=None, queued=7.4, faults=("3 hung",))
    )
    assert short.replicas == Part("—/2", Tone.DIM)
    assert short.utilisation is None
    assert short.queue == Part("q 7")
    assert Part("↯ 3 hung", Tone.PERSON) in short.badges


def test_an_edge_says_its_rate_its_weight_and_what_fails() -> None:
    edge = EdgeView("a", "b", Tone.BAD, 41.2, 912.0, 12, False, 4.1, ejected=2, weight_percent=50)
    label = edge_label(edge)
    assert (label.rate, label.short_rate) == (Part("41 req/s"), Part("41/s"))
    assert (label.weight, label.short_weight) == (Part("50→— %", Tone.ACCENT), Part("50→—%", Tone.ACCENT))
    assert (label.p95, label.count) == (Part("~912 ms", Tone.BAD), Part("n 12", Tone.DIM))
    assert (label.failed, label.ejected) == (Part("✖ 4.1 %", Tone.BAD), Part("2 out", Tone.WARN))
    assert edge_label(replace(edge, requests_per_s=0.0)).rate == Part("no traffic", Tone.DIM)
    assert edge_label(replace(edge, requests_per_s=None)).rate is None


def test_violations_are_told_in_full_and_in_short() -> None:
    full, short = violation_words(topology_view(scripts.violated().state))
    assert full.startswith("✖ orders p95 4")
    assert short == "✖ 2 SLOs violated: orders, payments"
    assert violation_words(topology_view(scripts.healthy().state)) == ()


def test_nodes_are_counted_by_health() -> None:
    nodes = topology_view(scripts.violated().state).nodes
    assert [part.text for part in count_by_health(nodes)] == ["4 well", "1 ▲"]
    assert count_by_health(()) == ()


def test_placed_slots_lie_one_below_another_and_make_room_for_their_lines() -> None:
    for count in (4, 30):
        layout = lay_out(topology_view(meshes.large(count).state))
        for tall, gap in ((4, 1), (2, 0)):
            placed = place(layout, tall, gap)
            for layer, height in zip(placed.layers, placed.heights, strict=True):
                assert all(a.top + a.rows + gap == b.top for a, b in pairwise(layer))
                assert layer[-1].top + layer[-1].rows == height
                assert all(slot.rows >= 2 * len(slot.edges) - 1 for slot in layer)


def test_an_edge_that_leads_back_and_requests_that_get_lost_are_told_in_words() -> None:
    view = topology_view(scripts.healthy().state)
    back = EdgeView("payments", "orders", Tone.OK, 1.0)
    layout = lay_out(TopologyView(view.layers, (*view.edges, back), ("cart 2.0/s",)))
    assert layout.backward == (back,)
    assert layout.foot == (
        Part("↩ payments → orders", Tone.WARN),
        Part("✖ cart 2.0/s reached no replica", Tone.WARN),
    )
