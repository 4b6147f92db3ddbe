"""The header: the run, its activity and its SLO verdict."""

from collections.abc import Sequence

from marskit.tui.drawing.rows import Row, first_fitting, length, spread
from marskit.tui.widgets.canvas import Canvas
from marskit.views.summary import RUN, SummaryView


class Header(Canvas[SummaryView]):
    """One row over the whole width."""

    def draw(self, width: int, height: int) -> Sequence[Row]:
        """The run on the left, its state and clock on the right."""
        view = self.view
        name: Row = ((" marskit ", "chip"),)
        mode: Row = (("  ", "dim"), (view.mode.value, "accent")) if view.mesh else ()
        rights = self._right()
        right = first_fitting(rights, width - length((*name, *mode)) - 2)
        if not view.mesh:
            return [spread(name, right, width)]
        choices: Row = (
            ("  ", "dim"),
            (view.mesh, "strong"),
            (" › ", "dim"),
            (view.scenario, "accent"),
            (" › ", "dim"),
            (view.planner, "accent"),
            (" › ", "dim"),
            (view.mode.value, "accent"),
        )
        run: Row = ((f"  {RUN} ", "dim"), (view.run, "dim"))
        lefts = [
            (*name, *choices, *run),
            (*name, *choices),
            (*name, ("  ", "dim"), *choices[3:]),
            (*name, *mode),
        ]
        # What is run matters more than the clock and the words around the activity.
        for least in lefts[1:]:
            shorter = first_fitting(rights[:3], width - length(least) - 2)
            if shorter:
                right = shorter
                break
        left = first_fitting(lefts, width - length(right) - 2)
        return [spread(left, right, width)]

    def _right(self) -> list[Row]:
        """Activity, verdict and clock, from the fullest to the shortest."""
        view, verdict = self.view, self.view.verdict
        doing: Row = ((f"{view.symbol} {view.situation}", view.activity_tone),)
        short: Row = ((f"{view.symbol} {view.activity}", view.activity_tone),)
        cycle: Row = ((f"  {view.cycle_words}" if view.cycle_words else "", "dim"),)
        said: Row = ((f"  {verdict.symbol} {verdict.verdict}" if verdict.verdict else "", verdict.tone),)
        live: Row = ((f" · {verdict.live}" if verdict.live else "", verdict.live_tone),)
        clock: Row = ((f"  {view.clock} ", "strong"),)
        return [
            (*doing, *cycle, *said, *live, *clock),
            (*short, *cycle, *said, *live, *clock),
            (*short, *said, *live, *clock),
            (*short, *said, *live),
            (*short, ("  ", "dim"), *(((verdict.live, verdict.live_tone),) if verdict.live else said)),
        ]
