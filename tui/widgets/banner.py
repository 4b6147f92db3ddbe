"""The most urgent sentence, across the screen; hidden when there is none."""

import textwrap
from collections.abc import Sequence

from textual.geometry import Size

from marskit.tui.drawing.rows import Row
from marskit.tui.key_names import with_hints
from marskit.tui.widgets.canvas import Canvas
from marskit.views.alert import AlertView
from marskit.views.tone import Tone

_ROLES = {Tone.BAD: "alert-bad", Tone.WARN: "alert-warn"}


class Banner(Canvas[AlertView]):
    """Takes a row or two while it has a sentence."""

    def show(self, view: AlertView) -> None:
        """Show the banner as high as its sentence, or hide it."""
        if view != self.view:
            self.display = bool(view.text)
            super().show(view)
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The rows that the sentence takes."""
        return len(self._lines(width))

    def draw(self, width: int, height: int) -> Sequence[Row]:
        """The sentence alone."""
        role = _ROLES.get(self.view.tone, "alert-accent")
        return [((f" {line}".ljust(width), role),) for line in self._lines(width)]

    def _lines(self, width: int) -> list[str]:
        room = max(8, width - 2)
        whole = with_hints(self.view.text, self.view.hints)
        # A second row covers the panel below, and the footer has the keys as well.
        return textwrap.wrap(whole if len(whole) <= room else self.view.text, room)[:3]
