"""Drawing fits its space, whatever is drawn."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import Phase as Stage
from hypothesis import strategies as st

from marskit.domain.records import Phase
from marskit.domain.state import State
from marskit.tui.drawing.braille import Braille
from marskit.tui.drawing.document import document_rows
from marskit.tui.drawing.graph import draw_topology, wanted_rows
from marskit.tui.drawing.grid import Grid
from marskit.tui.drawing.rows import clip, length, spread, squeeze, unique_names
from marskit.views.document import Cell, Code, Language, Sentence, Table
from marskit.views.layout import neighbour
from marskit.views.phases import phase_document
from marskit.views.tone import Tone
from marskit.views.topology import EdgeView, NodeView, TopologyView, topology_view
from tests.tui import meshes, scripts
from tests.views.arbitrary import STATES

SIZES = st.tuples(st.integers(10, 170), st.integers(1, 40))
some = settings(
    max_examples=25,
    deadline=None,
    phases=(Stage.explicit, Stage.reuse, Stage.generate),
    suppress_health_check=list(HealthCheck),
)


def plain(row: tuple[tuple[str, str], ...]) -> str:
    return "".join(text for text, _ in row).rstrip()


@some
@given(STATES, SIZES)
def test_any_mesh_fits_any_space(state: State, size: tuple[int, int]) -> None:
    width, height = size
    view = topology_view(state)
    for selected in (None, "payments"):
        drawing = draw_topology(view, width, height, selected)
        assert len(drawing.rows) <= max(height, 1)
        if view.layers:
            assert all(length(row) <= width for row in drawing.rows[:-1])


@some
@given(STATES, st.integers(8, 120))
def test_any_document_keeps_to_its_width(state: State, width: int) -> None:
    for phase in Phase:
        assert all(length(row) <= width for row in document_rows(phase_document(state, phase), width))


def chain(*layers: tuple[str, ...]) -> TopologyView:
    nodes = tuple(
        tuple(NodeView(name, name, depth, Tone.OK, is_gateway=depth == 0) for name in layer)
        for depth, layer in enumerate(layers)
    )
    edges = tuple(
        EdgeView(a, b, Tone.OK, 1.0) for left, right in pairwise(layers) for a in left for b in right
    )
    return TopologyView(nodes, edges)


def test_a_mesh_too_large_is_listed_around_the_selected_node() -> None:
    view = chain(("ingress",), tuple(f"service-{i:03}" for i in range(130)))
    drawing = draw_topology(view, 60, 12, "service-127")
    assert any("service-127" in plain(row) for row in drawing.rows)
    assert not any("service-002" in plain(row) for row in drawing.rows)
    hit = next(h for h in drawing.hits if h.name == "service-127")
    assert 0 <= hit.y < 12
    assert "108 well above ↑" in plain(drawing.rows[-1])


def test_what_is_hidden_is_counted_by_health_and_what_ails_comes_first() -> None:
    layers = chain(("ingress",), tuple(f"service-{i:03}" for i in range(130))).layers
    ill = {120: Tone.BAD, 5: Tone.WARN, 60: Tone.BAD}
    nodes = tuple(replace(node, health=ill.get(n, node.health)) for n, node in enumerate(layers[1]))
    rows = draw_topology(TopologyView((layers[0], nodes)), 60, 12, None).rows
    shown = " ".join(map(plain, rows))
    assert shown.index("✖ service-060") < shown.index("✖ service-120") < shown.index("▲ service-005")
    hidden = 131 - sum(plain(row).count("service-") + plain(row).count("ingress") for row in rows)
    assert f"{hidden} well below ↓" in shown
    few = draw_topology(
        TopologyView((layers[0], tuple(replace(n, health=Tone.BAD) for n in nodes))), 60, 12, None
    )
    assert re.search(r"1 well · \d+ ✖ below ↓", plain(few.rows[-1]))


@pytest.mark.parametrize("size", [(76, 6), (76, 9), (116, 17), (156, 25), (196, 35)], ids=str)
@pytest.mark.parametrize("count", [4, 8, 12, 30, 60, 200])
def test_every_name_that_is_shown_is_readable_and_unlike_all_others(
    count: int, size: tuple[int, int]
) -> None:
    view = topology_view(meshes.large(count).state)
    drawing = draw_topology(view, *size, None)
    text = "\n".join(map(plain, drawing.rows))
    seen = re.findall(r"[○●▲✖] (\S+)", text)
    seen = [name for name in seen if name.strip("─━╮┓")]
    assert len(seen) == len(set(seen))
    inside = [hit for hit in drawing.hits if 0 <= hit.y < size[1] - 1]
    assert len(seen) >= min(len(view.nodes), len(inside))
    assert all(len(name) >= 12 or name in {node.name for node in view.nodes} for name in seen)
    if count <= 30 and size[0] >= 116:
        assert len(seen) == count + 1


@some
@given(
    st.lists(st.text(alphabet="abc-", min_size=1, max_size=63), min_size=1, max_size=30, unique=True),
    st.integers(1, 40),
)
def test_names_are_cut_so_that_no_two_are_alike(names: list[str], width: int) -> None:
    short = unique_names(names, width)
    if short is not None:
        assert len(set(short.values())) == len(names)
        assert all(len(label) <= width for label in short.values())
        assert all(short[name] == name for name in names if len(name) <= width)
    elif width >= 5:
        assert len(names) > 1


def test_the_mesh_takes_the_rows_it_needs_and_no_more() -> None:
    small, demo = topology_view(meshes.large(2, layers=2).state), topology_view(scripts.healthy().state)
    thirty, many = (topology_view(meshes.large(count).state) for count in (30, 200))
    assert wanted_rows(small, 116, 17, roomy=False) < wanted_rows(demo, 116, 17, roomy=False) == 12
    assert wanted_rows(thirty, 116, 17, roomy=False) <= 17
    assert wanted_rows(many, 116, 17, roomy=False) == 17
    for view in (small, demo, thirty):
        rows = wanted_rows(view, 116, 17, roomy=False)
        assert len(draw_topology(view, 116, rows, None).rows) == rows


def test_an_edge_that_passes_a_layer_is_drawn_through_it() -> None:
    view = chain(("ingress",), ("shop",), ("cart",), ("stock",))
    long_edge = EdgeView("shop", "stock", Tone.BAD, 7.0, 900.0, 100, True, 3.0)
    view = TopologyView(view.layers, (*view.edges, long_edge))
    rows = draw_topology(view, 140, 14, None).rows
    assert any("7.0 req/s" in plain(row) for row in rows)
    bad = "".join(text for row in rows for text, role in row if role == "bad")
    assert bad.count("─") > 40


def test_an_edge_that_leads_back_is_told_in_words() -> None:
    view = chain(("ingress",), ("shop",), ("cart",))
    view = TopologyView(view.layers, (*view.edges, EdgeView("cart", "shop", Tone.OK, 1.0)), ("cart 2.0/s",))
    last = plain(draw_topology(view, 120, 14, None).rows[-1])
    assert "↩ cart → shop" in last
    assert "✖ cart 2.0/s reached no replica" in last


def test_the_arrows_lead_through_the_graph() -> None:
    view = topology_view(scripts.healthy().state)
    assert neighbour(view, None, 1, 0) == "ingress"
    assert neighbour(view, "orders", 1, 0) == "payments"
    assert neighbour(view, "payments", 0, 1) == scripts.FOOD
    assert neighbour(view, scripts.MUSIC, 0, 1) == scripts.MUSIC
    assert neighbour(view, scripts.MUSIC, -1, 0) == "orders"
    assert neighbour(TopologyView(), None, 1, 0) is None


def test_lines_that_meet_are_joined() -> None:
    grid = Grid(5, 3)
    grid.horizontal(0, 4, 1, "wire")
    grid.vertical(2, 0, 2, "wire")
    assert [plain(row) for row in grid.rows()] == ["  │", "──┼──", "  │"]


def test_braille_dots_stand_where_they_are_put() -> None:
    plot = Braille(2, 1)
    plot.dot(0, 0, "ok")
    plot.dot(3, 3, "ok")
    plot.dot(9, 9, "ok")
    assert [plain(row) for row in plot.rows()] == ["⡀⠈"]
    plot = Braille(2, 1)
    plot.line([(0, 0), (3, 3), None, (3, 0)], "ok")
    assert [plain(row) for row in plot.rows()] == ["⡠⢊"]


def test_rows_are_cut_with_a_mark_and_names_in_their_middle() -> None:
    row = (("payments", "ok"), (" is busy", "dim"))
    assert plain(clip(row, 10)) == "payments …"
    assert clip(row, 16) == row
    assert squeeze("recommendations-music", 14) == "recomme…-music"
    assert squeeze("recommendations", 9) == "reco…ions"
    assert plain(spread((("left", "ok"),), (("right", "ok"),), 12)) == "left   right"


def test_a_table_gives_up_its_last_columns_and_code_keeps_its_lines() -> None:
    table = Table(("service", "req/s", "errors"), ((Cell("orders"), Cell("41"), Cell("0 %")),))
    assert [plain(row) for row in document_rows((table,), 20)] == ["service  req/s", "orders      41"]
    code = Code("-replicas: 2\n+replicas: 4", Language.DIFF)
    roles = [row[1][1] for row in document_rows((code,), 40)]
    assert roles == ["removed", "added"]
    rows = document_rows((Sentence("one two three four", Tone.BAD, "✖"),), 12)
    assert [plain(row) for row in rows] == ["✖ one two", "  three four"]
