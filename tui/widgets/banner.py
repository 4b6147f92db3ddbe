"""One line across the screen for what must not be overlooked; gone when there is nothing to say."""

from collections.abc import Sequence

from marskit.views.alert import AlertView
from tui.drawing.rows import Row
from tui.widgets.canvas import Canvas


class Banner(Canvas[AlertView]):
    """Takes a row only while it has a sentence."""

    def show(self, view: AlertView) -> None:
        """Show or hide the row."""
        self.display = bool(view.text)
        super().show(view)

    def draw(self, width: int, height: int) -> Sequence[Row]:
        """The sentence alone."""
        return [((f" {self.view.text}", self.view.tone),)]
