"""The training pane's parts: the learning curve and the progress."""

from collections.abc import Sequence

from marskit import text
from marskit.domain.training import Evaluated, Stage
from marskit.tui.drawing.document import document_rows
from marskit.tui.drawing.plot import AXIS, Curve, Plot, draw_plot, nice_max
from marskit.tui.drawing.rows import Row, first_fitting, spread
from marskit.tui.widgets.canvas import Canvas
from marskit.views.document import Sentence, Table
from marskit.views.tone import Tone
from marskit.views.training import COLUMNS, EXPLANATION, TrainingView, left

_CURVES = (
    ("demand*", "demand_violated_percent", "person"),
    ("HPA*", "hpa_violated_percent", "slo"),
    ("policy", "violated_percent", "p95"),
)
"""The last curve is drawn over the others."""
_SYMBOLS = {Stage.DONE: "✔", Stage.FAILED: "✖", Stage.STOPPING: "◌", Stage.LOADING: "◌", Stage.LEARNING: "►"}


class LearningCurve(Canvas[TrainingView]):
    """Violated periods of the policy over time, beside the tuned rules at equal replicas."""

    def draw(self, width: int, height: int) -> Sequence[Row]:
        """The newest numbers, the curves, and the time axis."""
        points = self.view.curve
        if not points:
            return document_rows((Sentence(EXPLANATION, Tone.DIM),), width)
        known = [value for each in points for _, name, _ in _CURVES if (value := _value(each, name)) > 0]
        top = nice_max(known, 1.0)
        curves = tuple(
            Curve([(each.seconds, _value(each, name)) for each in points], role) for _, name, role in _CURVES
        )
        best = self._best()
        plot = Plot(curves, 0.0, self.view.span_s, top, f"{top:g} %", uprights=((best.seconds, "ok"),))
        return [self._legend(width), *draw_plot(plot, width, max(1, height - 2)), self._times(width)]

    def _best(self) -> Evaluated:
        return max(self.view.curve, key=lambda each: each.reward)

    def _legend(self, width: int) -> Row:
        last = self.view.curve[-1]
        legend: Row = ()
        for label, name, role in reversed(_CURVES):
            legend = (*legend, (f"  {label} ", role), (f"{_value(last, name):.2f} %", "strong"))
        lead = f"{'':>{AXIS}} "
        titles: list[Row] = [((f"{lead}violated periods", "heading"),), ((f"{lead}violated", "heading"),)]
        return spread(first_fitting(titles, width - sum(len(word) for word, _ in legend) - 1), legend, width)

    def _times(self, width: int) -> Row:
        """The time axis, with a mark at the best evaluation."""
        cells = max(1, width - AXIS - 1)
        at = round(self._best().seconds / self.view.span_s * (2 * cells - 1)) // 2
        symbols = [(" ", "dim")] * cells
        for label, place in (("0 s", 0), (end := text.duration(self.view.span_s), cells - len(end))):
            symbols[place : place + len(label)] = [(char, "dim") for char in label]
        words = "▲ best" if at + 6 <= cells else "best ▲"
        place = min(max(0, at if words[0] == "▲" else at - 5), max(0, cells - len(words)))
        symbols[place : place + len(words)] = [(char, "ok") for char in words]
        return ((" " * (AXIS + 1), "plain"), *symbols[:cells])


class TrainingProgress(Canvas[TrainingView]):
    """The bar, one sentence, and the newest and the best evaluation."""

    def draw(self, width: int, height: int) -> Sequence[Row]:
        """The bar, the sentence, then the table."""
        view = self.view
        sentence = Sentence(view.sentence, view.tone, _SYMBOLS.get(view.stage, "○"))
        rows = [self._bar(width), *document_rows((sentence,), width)]
        return [*rows, (), *document_rows((Table(COLUMNS, view.rows),), width)] if view.rows else rows

    def _bar(self, width: int) -> Row:
        view = self.view
        share = f"{100 * view.share:.0f} %"
        facts = (share, f"{view.steps:,} steps", text.clock(view.elapsed_s), left(view))
        words = "  ".join(fact for fact in facts if fact)
        cells = max(4, width - len(words) - 2)
        full = round(view.share * cells)
        role = "ok" if view.stage is Stage.DONE else "bad" if view.stage is Stage.FAILED else "accent"
        return (("━" * full, role), ("━" * (cells - full), "track"), (f"  {words}", "dim"))


def _value(evaluated: Evaluated, name: str) -> float:
    return float(getattr(evaluated, name))
