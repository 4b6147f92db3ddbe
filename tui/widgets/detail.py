"""The selected phase's report, as far as it fits; Enter opens all of it."""

from collections.abc import Sequence

from marskit.text import more
from marskit.tui.drawing.document import document_rows
from marskit.tui.drawing.rows import Row, length, spread
from marskit.tui.widgets.canvas import Canvas
from marskit.views.document import Document


class Detail(Canvas[Document]):
    """A document, cut at the available height."""

    def draw(self, width: int, height: int) -> Sequence[Row]:
        """The first rows; the last one shows how many are missing."""
        rows = document_rows(self.view, width)
        if len(rows) <= height:
            return rows
        last, missing = rows[height - 1], len(rows) - height
        # A row is shown whole or not at all: half a number is another number.
        if length(last) + len(more(missing)) + 2 > width:
            last, missing = (), missing + 1
        return [*rows[: height - 1], spread(last, ((f" {more(missing)}", "key"),), width)]
