"""The live screen: every panel, each given its view of the newest state."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen

from marskit.domain.state import State
from marskit.domain.topology import GATEWAY
from marskit.tui.drawing.graph import wanted_rows
from marskit.tui.key_names import hint_words
from marskit.tui.keys import KEYS, Key
from marskit.tui.widgets.banner import Banner
from marskit.tui.widgets.detail import Detail
from marskit.tui.widgets.header import Header
from marskit.tui.widgets.keybar import KeyBar
from marskit.tui.widgets.load import Load
from marskit.tui.widgets.log import Log
from marskit.tui.widgets.rail import Rail
from marskit.tui.widgets.series import Series
from marskit.tui.widgets.topology import Topology
from marskit.views.actions import LOG, log_rows
from marskit.views.alert import STOPPING, STOPPING_TITLE, AlertView, alert_view
from marskit.views.controls import Standing, standing
from marskit.views.document import Document
from marskit.views.labels import mesh_title, violation_words
from marskit.views.load import LoadView, load_reading, load_view
from marskit.views.loop import LoopView, loop_view, phase_to_show
from marskit.views.phases import phase_document, progress_document
from marskit.views.review import CLOSES, is_waiting, review_document, review_title
from marskit.views.series import SeriesView, series_title, series_view
from marskit.views.summary import SummaryView, detail_title, summary_view
from marskit.views.topology import TopologyView, topology_view

_SWITCHED = ("series", "load", "log")
"""The panels that share one place on a short screen."""
_NORMAL, _TALL = 32, 46
"""Rows from which a window is no longer short, and from which it is tall."""
_MESH_LEAST = 6
"""Fewest rows of the mesh's panel, its frame included."""


class LiveScreen(Screen[None]):
    """The mesh above, the rail in the middle, the reports and the curves below."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close_review", show=False)]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (_NORMAL, "-normal"), (_TALL, "-tall")]  # noqa: RUF012

    def __init__(self, state: State, keys: Sequence[Key] = KEYS) -> None:
        super().__init__()
        self.state = State()
        self._first = state
        self.header = Header(SummaryView(), id="header")
        self.banner = Banner(AlertView(), id="banner")
        self.topology = Topology(TopologyView(), id="mesh")
        self.rail = Rail(loop_view(state), id="rail")
        self.detail = Detail((), id="detail")
        self.log_panel = Log((), id="log")
        self.series = Series(SeriesView(), id="series")
        self.load = Load(LoadView(), id="load")
        self.key_bar = KeyBar(Standing(), keys, id="keys")
        self._stopping = False
        self._shown: tuple[int, int] | None = None
        """Cycle and revision of the plan under review, as drawn."""
        self.shown_at_s = 0.0
        """When it was drawn first."""
        self._put_away: tuple[int, int] | None = None
        """The plan whose review a person closed."""
        self._fitted: object = None
        """What the mesh's height was made for."""

    def compose(self) -> ComposeResult:
        """Everything, from top to bottom."""
        yield self.header
        yield self.banner
        yield self.topology
        yield self.rail
        with Horizontal(id="lower"):
            with Vertical(id="reports"):
                yield self.detail
                yield self.log_panel
            with Vertical(id="curves"):
                yield self.series
                yield self.load
        yield self.key_bar

    def on_mount(self) -> None:
        """Show the current state."""
        self.add_class("show-series")
        self.show(self._first)
        self.rail.focus()

    def show(self, state: State) -> None:
        """Give every panel its view of a newer state."""
        self._follow(self.state, state)
        self.state = state
        self._note_review()
        self.header.show(self.summary(state))
        alert = self.alert(state)
        self.banner.show(replace(STOPPING, tone=alert.tone) if self._stopping else alert)
        self.topology.show(topology_view(state))
        self._fit_mesh()
        if self.topology.selected is None and self.topology.view.layers[1:]:
            self.topology.selected = self.topology.view.layers[1][0].name
        self.rail.show(self.loop(state))
        self.log_panel.show(log_rows(state))
        self.load.show(load_view(state))
        self.key_bar.show(self.key_view(state))
        self._show_detail()
        self._show_series()
        self._titles()

    def summary(self, state: State) -> SummaryView:
        """The header's content."""
        return summary_view(state)

    def loop(self, state: State) -> LoopView:
        """The rail's content."""
        return loop_view(state)

    def alert(self, state: State) -> AlertView:
        """The banner's content."""
        return alert_view(state)

    def key_view(self, state: State) -> Standing:
        """The state that the footer depends on."""
        return standing(state, small=self.has_class("-short"))

    def say_stopping(self) -> None:
        """Show that the mesh is being stopped."""
        self._stopping = True
        self.show(self.state)

    @property
    def workload(self) -> str | None:
        """The selected workload, unless the gateway is selected."""
        name = self.topology.selected
        return None if name == GATEWAY else name

    def document(self, state: State) -> Document:
        """The detail panel's content: the mesh's start or stop, else the selected phase."""
        if self._stopping or state.gateway_url is None or (state.ended is not None and state.ended.reason):
            return progress_document(state)
        if self.reviews:
            return review_document(state)
        return phase_document(state, self.rail.selected)

    @property
    def reviews(self) -> bool:
        """Whether the detail panel shows the review of a plan that awaits approval."""
        return self._shown is not None and self._shown != self._put_away

    def action_close_review(self) -> None:
        """Show the selected phase instead of the review; another plan opens it again."""
        self._put_away = self._shown
        self.show(self.state)

    def _note_review(self) -> None:
        cycle = self.state.cycle
        plan = (cycle.id, cycle.revision) if cycle is not None and is_waiting(self.state) else None
        if plan != self._shown:
            self._shown, self.shown_at_s = plan, time.monotonic()
        self.set_class(self.reviews, "-review")

    def next_view(self) -> None:
        """Show the next panel in the place that a short screen has for them."""
        shown = next(name for name in _SWITCHED if self.has_class(f"show-{name}"))
        following = _SWITCHED[(_SWITCHED.index(shown) + 1) % len(_SWITCHED)]
        self.remove_class(f"show-{shown}").add_class(f"show-{following}")

    def _fit_mesh(self) -> None:
        """Give the mesh the rows that it needs, and the other panels the rest."""
        view, size = self.topology.view, self.app.size
        # Not by the classes of the breakpoints, which come after the first layout.
        short, tall = size.height < _NORMAL, size.height >= _TALL
        nodes = tuple((node.name, node.layer, node.canary_of) for node in view.nodes)
        key = (nodes, len(view.edges), size, short, tall)
        if key == self._fitted:
            return
        self._fitted = key
        most = max(_MESH_LEAST, size.height - (17 if short else 24 if tall else 22))
        rows = wanted_rows(view, size.width - (2 if short else 4), most - 2, roomy=tall)
        self.topology.styles.height = max(_MESH_LEAST, rows + 2)

    def on_resize(self) -> None:
        """Show one key more on a short screen."""
        self.call_after_refresh(lambda: self.show(self.state))

    @on(Rail.Selected)
    def _phase_selected(self) -> None:
        self._put_away = self._shown
        self._note_review()
        self._show_detail()
        self._titles()

    @on(Topology.Selected)
    def _node_selected(self) -> None:
        self._show_series()
        self._titles()

    def _follow(self, before: State, after: State) -> None:
        """Select the phase that a step reached; while the loop runs, keep the person's selection."""
        reached = phase_to_show(before, after, chosen=self.rail.chosen)
        if reached is not None:
            self.rail.selected = reached

    def _show_detail(self) -> None:
        self.detail.show(self.document(self.state))

    def _show_series(self) -> None:
        node = self.topology.view.node(self.topology.selected or "")
        service = node.service if node is not None and not node.is_gateway else None
        self.series.show(series_view(self.state, service))

    def _titles(self) -> None:
        reviews = self.reviews and self.state.gateway_url is not None
        title = review_title(self.state) if reviews else detail_title(self.state, self.rail.selected)
        hint = hint_words(CLOSES) if self.reviews else ""
        self.detail.entitle(STOPPING_TITLE if self._stopping else title, hint)
        self.series.entitle(series_title(self.series.view))
        self.load.entitle(load_reading(self.load.view).title)
        mesh = mesh_title(only_unhealthy=self.topology.only_unhealthy)
        room = self.app.size.width - len(mesh) - 12
        self.topology.entitle(mesh, self.header.view.gateway_url or "", _violations(self.topology.view, room))
        self.log_panel.entitle(LOG)


def _violations(view: TopologyView, room: int) -> str:
    """The services whose SLO is violated: how, or which, or at least how many."""
    variants = violation_words(view)
    if not variants:
        return ""
    return next((words for words in variants if len(words) <= room), f"{variants[-1][: room - 1]}…")
