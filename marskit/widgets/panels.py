"""The panels by name, each a picture of one view."""

from marskit.domain.state import State
from marskit.pictures.documents import document_html
from marskit.pictures.log import log_html
from marskit.pictures.rail import rail_html
from marskit.pictures.series import plots_svg, series_svg
from marskit.pictures.summary import alert_html, load_html, summary_html, title_html
from marskit.pictures.topology import topology_svg
from marskit.views.actions import log_rows
from marskit.views.alert import alert_view, recorded_alert
from marskit.views.labels import mesh_title
from marskit.views.load import load_plot, load_reading, load_view
from marskit.views.loop import loop_view
from marskit.views.phases import phase_document, progress_document
from marskit.views.replay import recorded_loop
from marskit.views.review import review_document, review_title
from marskit.views.series import series_title, series_view
from marskit.views.summary import detail_title, recorded_summary, summary_view
from marskit.views.topology import topology_view
from marskit.widgets.panel import Panel

LOG_ROWS = 30
"""Number of rows of the log that are shown."""


class Header(Panel):
    """The run, what it does, and its verdict."""

    def picture(self, state: State) -> str:
        """One line."""
        if self.listener.deck is not None:
            return summary_html(recorded_summary(state)) + alert_html(recorded_alert(state))
        return summary_html(summary_view(state)) + alert_html(alert_view(state), is_live=True)


class Topology(Panel):
    """The mesh; a click on a node selects it."""

    def picture(self, state: State) -> str:
        """The graph."""
        picture = topology_svg(topology_view(state), selected=self.choice.node_in(state), is_live=True)
        return title_html(mesh_title(only_unhealthy=False)) + picture


class Rail(Panel):
    """The five phases; a click on one selects it."""

    def picture(self, state: State) -> str:
        """The rail."""
        view = loop_view(state) if self.listener.deck is None else recorded_loop(loop_view(state))
        return rail_html(view, selected=self.choice.phase_in(state), is_live=True)


class Detail(Panel):
    """The report of the selected phase, or the plan that awaits approval."""

    def picture(self, state: State) -> str:
        """The report."""
        if state.gateway_url is None or (state.ended is not None and state.ended.reason):
            return document_html(progress_document(state))
        if self.listener.deck is None and self.choice.reviews(state):
            return title_html(review_title(state)) + document_html(review_document(state))
        phase = self.choice.phase_in(state)
        return title_html(detail_title(state, phase)) + document_html(phase_document(state, phase))


class Series(Panel):
    """The curves of the selected service."""

    def picture(self, state: State) -> str:
        """The plots."""
        node = topology_view(state).node(self.choice.node_in(state) or "")
        view = series_view(state, node.service if node is not None and not node.is_gateway else None)
        return title_html(series_title(view)) + series_svg(view)


class Load(Panel):
    """The offered and the actual load."""

    def picture(self, state: State) -> str:
        """The curve of the scenario, and where it is."""
        view = load_view(state)
        plot, reading = load_plot(view), load_reading(view)
        curve = plots_svg((plot,), reading.title) if plot is not None else ""
        return title_html(reading.title) + load_html(reading) + curve


class Log(Panel):
    """What was done, newest first."""

    def picture(self, state: State) -> str:
        """The newest rows."""
        return title_html("log") + log_html(log_rows(state, LOG_ROWS))
