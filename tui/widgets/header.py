"""The header: the run, its activity and its SLO verdict."""

from collections.abc import Sequence

from marskit import text
from marskit.tui.drawing.rows import Row, first_fitting, length, spread
from marskit.tui.widgets.canvas import Canvas
from marskit.views.summary import SummaryView
from marskit.views.tone import SYMBOLS

_ACTIVITY = {
    "running": "►",
    "starting": "◌",
    "failed": "✖",
    "stopped": "■",
    "awaiting approval": "▲",
    "recorded": "●",
}


class Header(Canvas[SummaryView]):
    """One row over the whole width."""

    def draw(self, width: int, height: int) -> Sequence[Row]:
        """The run on the left, its state and clock on the right."""
        view = self.view
        symbol = _ACTIVITY.get(view.activity, "‖")
        right: Row = (
            (f"{symbol} {view.activity}", view.activity_tone),
            (f"  cycle {view.cycle}" if view.cycle else "", "dim"),
            (f"  {SYMBOLS[view.slo_tone]} {view.slo}" if view.slo else "", view.slo_tone),
            (f"  {text.clock(view.now_s)} ", "strong"),
        )
        name: Row = ((" marskit ", "chip"),)
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
            (str(view.mode), "accent"),
        )
        run: Row = (("  run ", "dim"), (view.run, "dim"))
        left = first_fitting(
            [(*name, *choices, *run), (*name, *choices), (*name, ("  ", "dim"), *choices[3:]), name],
            width - length(right) - 2,
        )
        return [spread(left, right, width)]
