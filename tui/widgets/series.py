"""Latency, traffic and replicas of one service over time, with marks at actions and faults."""

from collections.abc import Sequence

from marskit.tui.drawing.plot import AXIS, draw_plot, legend_row, times
from marskit.tui.drawing.rows import Row, length, spread
from marskit.tui.widgets.canvas import Canvas
from marskit.views.plots import PlotView
from marskit.views.series import NO_POINTS, SeriesView, series_plots


class Series(Canvas[SeriesView]):
    """One to three plots over the same time, depending on the height."""

    def draw(self, width: int, height: int) -> Sequence[Row]:
        """As many plots as there is room for, with the marks below."""
        plots = series_plots(self.view)[: 1 if height < 11 else 2 if height < 18 else 3]
        if not plots:
            return [((NO_POINTS, "dim"),)]
        share, extra = divmod(height - 1, len(plots))
        rows: list[Row] = []
        for index, plot in enumerate(plots):
            rows += _titled(plot, width, share + (index < extra))
        return [*rows, times(plots[0], width)]


def _titled(plot: PlotView, width: int, height: int) -> list[Row]:
    """The legend takes precedence over the title if only one fits."""
    legend = legend_row(plot, width - AXIS - len(plot.title) - 2)
    left: Row = ((" " * (AXIS + 1), "plain"), (plot.title, "heading"))
    title = spread(left if length(left) + length(legend) < width else (), legend, width)
    return [title, *draw_plot(plot, width, max(1, height - 1))]
