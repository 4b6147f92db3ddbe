"""Drawing fits its space, whatever is drawn."""

from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import Phase as Stage
from hypothesis import strategies as st

from marskit.domain.records import Phase
from marskit.domain.state import State
from marskit.tui.drawing.braille import Braille
from marskit.tui.drawing.document import document_rows
from marskit.tui.drawing.graph import draw_topology, neighbour
from marskit.tui.drawing.grid import Grid
from marskit.tui.drawing.plot import nice_max
from marskit.tui.drawing.rows import clip, length, spread, squeeze
from marskit.views.document import Cell, Code, Language, Sentence, Table
from marskit.views.phases import phase_document
from marskit.views.tone import Tone
from marskit.views.topology import EdgeView, NodeView, TopologyView, topology_view
from tests.tui import scripts
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


def test_a_graph_too_large_is_shown_around_the_selected_node() -> None:
    view = chain(("ingress",), tuple(f"service-{i:02}" for i in range(30)))
    drawing = draw_topology(view, 60, 12, "service-27")
    assert any("service-27" in plain(row) for row in drawing.rows)
    assert not any("service-02" in plain(row) for row in drawing.rows)
    hit = next(h for h in drawing.hits if h.name == "service-27")
    assert 0 <= hit.y < 12


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


def test_axes_end_at_numbers_that_are_easy_to_read() -> None:
    assert [nice_max([v], 1.0) for v in (0.5, 7.0, 101.0, 432.0, 999.0)] == [1.0, 8.0, 150.0, 500.0, 1000.0]


def test_a_table_gives_up_its_last_columns_and_code_keeps_its_lines() -> None:
    table = Table(("service", "req/s", "errors"), ((Cell("orders"), Cell("41"), Cell("0 %")),))
    assert [plain(row) for row in document_rows((table,), 20)] == ["service  req/s", "orders      41"]
    code = Code("-replicas: 2\n+replicas: 4", Language.DIFF)
    roles = [row[1][1] for row in document_rows((code,), 40)]
    assert roles == ["removed", "added"]
    rows = document_rows((Sentence("one two three four", Tone.BAD, "✖"),), 12)
    assert [plain(row) for row in rows] == ["✖ one two", "  three four"]
