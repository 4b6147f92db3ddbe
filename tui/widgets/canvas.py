"""The base of all our widgets: rows of styled text, drawn once per change; only differences are painted."""

from abc import abstractmethod
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import ClassVar, Generic, TypeVar

from rich.segment import Segment
from textual.geometry import Region, Size
from textual.markup import escape
from textual.strip import Strip
from textual.widget import Widget

from marskit.tui.drawing.rows import Row, clip
from marskit.tui.palette import ROLES

View = TypeVar("View")


class Canvas(Widget, Generic[View]):
    """Draws one view-model; does nothing while it stays equal.

    Subclasses implement `draw`, a pure function of the view, the width and the height.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"canvas--{role}" for role in ROLES}
    """One class per role of the palette."""

    def __init__(self, view: View, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.view = view
        self._rows: Sequence[Row] | None = None
        self._drawn_for: Size | None = None
        self.titles = ("", "", "")
        """Title, subtitle and alert of its border."""
        self.draws = 0
        """Number of draws so far."""

    @abstractmethod
    def draw(self, width: int, height: int) -> Sequence[Row]:
        """The rows that fit `width` and `height`."""

    def show(self, view: View) -> None:
        """Draw a newer view, unless it equals the present one."""
        if view != self.view:
            self.view = view
            self.redraw()

    def redraw(self) -> None:
        """Draw again, and send the changed lines to the terminal."""
        before, size = self._rows, self.size
        if before is None or self._drawn_for != size:
            self._rows = None
            self.refresh()
            return
        rows = self._rows = self._draw(size)
        for y in range(max(len(before), len(rows))):
            if before[y : y + 1] != rows[y : y + 1]:
                self.refresh(Region(0, y, size.width, 1))

    def entitle(self, title: str, subtitle: str = "", alert: str = "") -> None:
        """Set the border titles if they differ: Textual repaints the whole widget when they change."""
        if (title, subtitle, alert) != self.titles:
            self.titles = title, subtitle, alert
            self.border_title = escape(title) + (f"  [bold $error]{escape(alert)}[/]" if alert else "")
            self.border_subtitle = escape(subtitle)

    def render_line(self, y: int) -> Strip:
        """One line of the widget; Textual caches it until a refresh."""
        size = self.size
        if self._rows is None or self._drawn_for != size:
            self._rows = self._draw(size)
            self._drawn_for = size
        if y >= len(self._rows):
            return Strip.blank(size.width, self.rich_style)
        return self._strip(self._rows[y], size.width)

    def _draw(self, size: Size) -> Sequence[Row]:
        self.draws += 1
        return self.draw(size.width, size.height)

    def _strip(self, row: Row, width: int) -> Strip:
        # One segment per run of one role: each colour change costs bytes on a remote terminal.
        segments = [
            Segment("".join(text for text, _ in spans), self.get_component_rich_style(f"canvas--{role}"))
            for role, spans in groupby(clip(row, width), key=itemgetter(1))
        ]
        return Strip(segments).adjust_cell_length(width, self.rich_style)
