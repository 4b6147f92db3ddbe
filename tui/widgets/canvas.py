"""The base of all our widgets: rows of styled text, drawn once per change and painted from a cache."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

from rich.segment import Segment
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from tui.drawing.rows import Row, clip
from tui.palette import ROLES

View = TypeVar("View")


class Canvas(Widget, Generic[View]):
    """Draws one view-model; nothing happens while it stays equal.

    Subclasses implement `draw`, a pure function of the view, the width and the height.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"canvas--{role}" for role in ROLES}
    """One per role of the palette."""

    def __init__(self, view: View, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.view = view
        self._strips: list[Strip] | None = None
        self._drawn_for: Size | None = None

    @abstractmethod
    def draw(self, width: int, height: int) -> Sequence[Row]:
        """The rows that fit `width` and `height`."""

    def show(self, view: View) -> None:
        """Draw a newer view, unless it is the same."""
        if view != self.view:
            self.view = view
            self.redraw()

    def redraw(self) -> None:
        """Forget what was drawn."""
        self._strips = None
        self.refresh()

    def notify_style_update(self) -> None:
        """The theme or the focus changed: colours must be looked up again."""
        self._strips = None
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        """One line of the widget, from the cache."""
        size = self.size
        if self._strips is None or self._drawn_for != size:
            self._strips = [self._strip(row, size.width) for row in self.draw(size.width, size.height)]
            self._drawn_for = size
        return self._strips[y] if y < len(self._strips) else Strip.blank(size.width, self.rich_style)

    def _strip(self, row: Row, width: int) -> Strip:
        segments = [
            Segment(text, self.get_component_rich_style(f"canvas--{role}"))
            for text, role in clip(row, width)
            if text
        ]
        return Strip(segments).adjust_cell_length(width, self.rich_style)
