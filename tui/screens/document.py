"""A whole document over the screen, scrollable; what is being read does not change by itself."""

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

_HINT = "↑↓ scroll   esc close"


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
    """Scroll with the arrows; Escape, Enter or q closes it, and r shows what has changed meanwhile."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "dismiss(None)", "close"),
        Binding("r", "renew", "show the newest"),
    ]

    def __init__(
        self,
        title: str,
        make: Callable[[State], Document],
        state: State,
        *,
        dated: Callable[[State], str] = lambda state: "",
    ) -> None:
        """Show what `make` makes of `state`; `dated` says of when that is."""
        super().__init__()
        self.heading = title
        self._make = make
        self._dated = dated
        self._newest = state
        self._page = Page(make(state))
        self._title = Static(self._words(), classes="title", markup=False)
        self._hint = Static(_HINT, classes="hint", markup=False)

    def compose(self) -> ComposeResult:
        """The title, the document, and the hint how to close it."""
        with Vertical(classes="sheet wide"):
            yield self._title
            with VerticalScroll():
                yield self._page
            yield self._hint

    def show(self, state: State) -> None:
        """Say whether there is something newer; what is being read stays."""
        self._newest = state
        newer = f"   r shows {self._dated(state) or 'what is new'}"
        self._hint.update(_HINT + newer if self._make(state) != self._page.view else _HINT)

    def action_renew(self) -> None:
        """Show the newest state."""
        self._page.show(self._make(self._newest))
        self._title.update(self._words())
        self._hint.update(_HINT)

    def _words(self) -> str:
        return " · ".join(part for part in (self.heading, self._dated(self._newest)) if part)
