"""The training pane's parts: the learning curve and the progress."""

from collections.abc import Sequence

from marskit.tui.drawing.cells import nearest
from marskit.tui.drawing.document import document_rows
from marskit.tui.drawing.plot import AXIS, draw_plot
from marskit.tui.drawing.rows import Row, first_fitting, length, spans, spread
from marskit.tui.widgets.canvas import Canvas
from marskit.views.document import Sentence, Table
from marskit.views.plots import PlotView
from marskit.views.tone import Tone
from marskit.views.training import COLUMNS, EXPLANATION, TrainingView, learning_plot


class LearningCurve(Canvas[TrainingView]):
    """Violated periods of the policy over time, beside the tuned rules at equal replicas."""

    def draw(self, width: int, height: int) -> Sequence[Row]:
        """The newest numbers, the curves, and the time axis."""
        plot = learning_plot(self.view)
        if plot is None:
            return document_rows((Sentence(EXPLANATION, Tone.DIM),), width)
        return [_legend(plot, width), *draw_plot(plot, width, max(1, height - 2)), _times(plot, width)]


class TrainingProgress(Canvas[TrainingView]):
    """The bar, one sentence, and the newest and the best evaluation."""

    def draw(self, width: int, height: int) -> Sequence[Row]:
        """The bar, the sentence, then the table."""
        view = self.view
        sentence = Sentence(view.sentence, view.tone, view.symbol)
        rows = [self._bar(width), *document_rows((sentence,), width)]
        return [*rows, (), *document_rows((Table(COLUMNS, view.rows),), width)] if view.rows else rows

    def _bar(self, width: int) -> Row:
        view = self.view
        words = "  ".join(view.facts)
        cells = max(4, width - len(words) - 2)
        full = nearest(view.share * cells)
        return (("━" * full, view.bar_tone), ("━" * (cells - full), "track"), (f"  {words}", "dim"))


def _legend(plot: PlotView, width: int) -> Row:
    legend: Row = ()
    for fact in plot.legend:
        legend = (*legend, (f"  {fact.name.text} ", fact.name.tone), *spans(fact.value))
    lead = " " * (AXIS + 1)
    titles: list[Row] = [((f"{lead}{title}", "heading"),) for title in (plot.title, plot.short_title)]
    return spread(first_fitting(titles, width - length(legend) - 1), legend, width)


def _times(plot: PlotView, width: int) -> Row:
    """The time axis, with the words of every upright beside its symbol."""
    cells = max(1, width - AXIS - 1)
    symbols = [(" ", "dim")] * cells
    for label, place in ((plot.since, 0), (plot.until, cells - len(plot.until))):
        symbols[place : place + len(label)] = [(char, "dim") for char in label]
    for upright in plot.uprights:
        at = nearest(upright.at / plot.x_max * (2 * cells - 1)) // 2
        after = at + len(upright.text) + 2 <= cells
        words = f"{upright.symbol} {upright.text}" if after else f"{upright.text} {upright.symbol}"
        place = min(max(0, at if after else at - len(words) + 1), max(0, cells - len(words)))
        symbols[place : place + len(words)] = [(char, upright.tone) for char in words]
    return ((" " * (AXIS + 1), "plain"), *symbols[:cells])
