"""Every view is total: whatever the state, it answers, and its answer hangs together."""

from hypothesis import HealthCheck, given, settings
from hypothesis import Phase as Stage

from marskit.domain.records import Phase
from marskit.domain.state import State
from marskit.views.actions import log_document, log_rows
from marskit.views.alert import alert_view
from marskit.views.document import Document, Table
from marskit.views.load import load_view
from marskit.views.loop import PhaseStatus, loop_view
from marskit.views.nodes import node_document
from marskit.views.phases import phase_document, progress_document
from marskit.views.series import series_view
from marskit.views.summary import summary_view
from marskit.views.topology import topology_view
from tests.views.arbitrary import NAMES, STATES

# A state is a large example: it is built rarely, and shrinking one would take minutes.
total = settings(
    max_examples=25,
    deadline=None,
    phases=(Stage.explicit, Stage.reuse, Stage.generate),
    suppress_health_check=list(HealthCheck),
)


def hangs_together(document: Document) -> bool:
    return all(
        len(row) == len(block.columns) for block in document if isinstance(block, Table) for row in block.rows
    )


@total
@given(STATES)
def test_topology_holds_every_workload_once_and_only_edges_between_nodes(state: State) -> None:
    view = topology_view(state)
    if state.started is None:
        assert view.nodes == ()
        return
    names = [node.name for node in view.nodes if not node.is_gateway]
    assert sorted(names) == sorted(w.name for w in state.started.topology.workloads)
    assert all(node.layer == depth for depth, layer in enumerate(view.layers) for node in layer)
    known = {node.name for node in view.nodes}
    assert all(edge.source in known and edge.target in known for edge in view.edges)


@total
@given(STATES)
def test_the_rail_has_five_phases_of_which_one_at_most_is_under_way(state: State) -> None:
    phases = loop_view(state).phases
    assert [view.phase for view in phases] == list(Phase)
    assert sum(view.status in (PhaseStatus.ACTIVE, PhaseStatus.WAITING) for view in phases) <= 2


@total
@given(STATES)
def test_documents_hang_together(state: State) -> None:
    for phase in Phase:
        assert phase_document(state, phase)
        assert hangs_together(phase_document(state, phase))
    for name in NAMES:
        assert hangs_together(node_document(state, name))
    assert progress_document(state)
    assert log_document(state)


@total
@given(STATES)
def test_the_log_is_newest_first(state: State) -> None:
    times = [row.at_s for row in log_rows(state)]
    assert times == sorted(times, reverse=True)


@total
@given(STATES)
def test_the_rest_answers(state: State) -> None:
    assert summary_view(state).activity
    assert load_view(state).duration_s >= 0
    assert alert_view(state).text or not (state.ended and state.ended.reason)
    view = series_view(state)
    assert all(point.at_s >= view.now_s - view.span_s for point in view.points)
