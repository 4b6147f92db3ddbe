"""The selected phase's report, as far as it fits; Enter opens all of it."""

from collections.abc import Sequence

from marskit.tui.drawing.document import document_rows
from marskit.tui.drawing.rows import Row, spread
from marskit.tui.widgets.canvas import Canvas
from marskit.views.document import Document


class Detail(Canvas[Document]):
    """A document, cut at the available height."""

    def draw(self, width: int, height: int) -> Sequence[Row]:
        """The first rows; the last one shows how many are missing."""
        rows = document_rows(self.view, width)
        if len(rows) <= height:
            return rows
        more: Row = ((f" … {len(rows) - height + 1} more", "key"),)
        return [*rows[: height - 1], spread(rows[height - 1], more, width)]
