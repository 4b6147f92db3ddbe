"""The selected phase's report, as far as it fits; Enter opens all of it."""

from collections.abc import Sequence

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
        last, count = rows[height - 1], f"{len(rows) - height + 1} more"
        # A row that is cut ends with an ellipsis already.
        mark = f" {count}" if length(last) + len(f" … {count}") > width else f" … {count}"
        return [*rows[: height - 1], spread(last, ((mark, "key"),), width)]
