"""A whole document over the screen, scrollable, and updated while it is open."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Static

from marskit.domain.state import State
from marskit.tui.drawing.document import document_rows
from marskit.tui.drawing.rows import Row
from marskit.tui.widgets.canvas import Canvas
from marskit.views.document import Document


class Page(Canvas[Document]):
    """A document at full height."""

    def draw(self, width: int, height: int) -> Sequence[Row]:
        """All rows."""
        return document_rows(self.view, width)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The number of rows that the document takes at that width."""
        return len(document_rows(self.view, width))

    def show(self, view: Document) -> None:
        """Redraw the document and request the height that it now needs."""
        if view != self.view:
            super().show(view)
            self.refresh(layout=True)


class DocumentScreen(ModalScreen[None]):
    """Scroll with the arrows; Escape, Enter or q closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q", "dismiss(None)", "close")]

    def __init__(self, title: str, make: Callable[[State], Document], state: State) -> None:
        super().__init__()
        self.heading = title
        self._make = make
        self._page = Page(make(state))

    def compose(self) -> ComposeResult:
        """The title, the document, and the hint how to close it."""
        with Vertical(classes="sheet wide"):
            yield Static(self.heading, classes="title", markup=False)
            with VerticalScroll():
                yield self._page
            yield Static("↑↓ scroll   esc close", classes="hint", markup=False)

    def show(self, state: State) -> None:
        """Update the document."""
        self._page.show(self._make(state))
