"""The transport of a replay: its status, its position, and a bar that jumps anywhere on a click."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from marskit.tui.drawing.cells import nearest
from marskit.tui.drawing.rows import Row, Span, first_fitting, length, spread
from marskit.tui.widgets.canvas import Canvas
from marskit.views.replay import REPLAY, TransportView

HOP = 0.01
"""Share of the run that an arrow key moves by."""
_PACE = 5
"""Cells for the speed."""


class Transport(Canvas[TransportView], can_focus=True):
    """Two rows. Left and right move by a hundredth of the run; the mouse jumps or drags."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", f"hop({-HOP})", show=False),
        Binding("right", f"hop({HOP})", show=False),
    ]

    class Scrubbed(Message):
        """A person wants to move to that share of the run's time, 0 to 1."""

        def __init__(self, at: float) -> None:
            super().__init__()
            self.at = at

        def can_replace(self, message: Message) -> bool:
            """Only the newest position of a dragged mouse matters."""
            return isinstance(message, Transport.Scrubbed)

    def draw(self, width: int, height: int) -> Sequence[Row]:
        """The line, then the bar."""
        return [self._line(width), self._bar(width)]

    def action_hop(self, share: float) -> None:
        """Move forward or back."""
        self._scrub(self.view.at + share)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Jump to the mouse, and follow it."""
        if event.y == 1:
            self.capture_mouse()
            self._scrub_to(event.x)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Follow the mouse while it is pressed."""
        if self.app.mouse_captured is self:
            self._scrub_to(event.x)

    def on_mouse_up(self) -> None:
        """Stop following the mouse."""
        self.release_mouse()

    def _scrub_to(self, x: int) -> None:
        self._scrub(x / max(1, self.size.width - 1))

    def _scrub(self, at: float) -> None:
        self.post_message(self.Scrubbed(min(max(at, 0.0), 1.0)))

    def _line(self, width: int) -> Row:
        view = self.view
        chip: Row = ((f" {REPLAY} ", "chip"),)
        if not view.where:
            return (*chip, (f"  {view.note}", "accent"))
        does: Row = (
            (f"  {view.does.text} ", view.does.tone),
            (view.pace.ljust(_PACE), "accent"),
        )
        place: Row = ((f" {view.where}", "strong"), (f" · {view.clock}", "plain"))
        fingerprint: Row = ((f"{view.fingerprint} ", "code"),)
        step: Row = ((f"{view.step}  ", "dim"),)
        note: Row = ((f"{view.note}  ", "person"),) if view.note else ()
        left = (*chip, *does, *place)
        room = width - length(left) - 2
        right = first_fitting([(*note, *step, *fingerprint), (*note, *fingerprint), note, fingerprint], room)
        return spread(left, right, width)

    def _bar(self, width: int) -> Row:
        """Passed time is heavy; violations are blocks and actions are arrows, visible without colour."""
        view = self.view
        last = max(1, width - 1)
        head = nearest(view.at * last)
        cells: list[Span] = [
            ("━", "accent") if x < head else ("─", "track") for x in range(width if view.where else 0)
        ]
        for since, until in view.marks.violated:
            for x in range(nearest(since * last), nearest(until * last) + 1):
                cells[x : x + 1] = [("▄", "bad")]
        for at in view.marks.actions:
            x = nearest(at * last)
            cells[x : x + 1] = [("▲", "warn" if cells[x : x + 1] == [("▄", "bad")] else "person")]
        cells[head : head + 1] = [("●", "strong")] if cells else []
        return tuple(cells)
