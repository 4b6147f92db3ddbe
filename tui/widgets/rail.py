"""The M-A-P-E-K rail: five boxes, with the current phase highlighted."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive

from marskit.domain.records import Phase
from marskit.tui.drawing.grid import Grid
from marskit.tui.drawing.rows import Row, clip, spans
from marskit.tui.key_names import hint_words
from marskit.tui.widgets.canvas import Canvas
from marskit.views.loop import PHASES, LoopView, PhaseStatus, PhaseView


class Rail(Canvas[LoopView], can_focus=True):
    """The arrow keys and the mouse select a phase for the detail panel; Enter opens it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", show=False),
        Binding("right", "move(1)", show=False),
    ]

    selected: reactive[Phase] = reactive(Phase.MONITOR)
    """The phase whose detail is shown."""

    chosen = False
    """Whether a person selected the phase, rather than the loop by reaching it."""

    class Selected(Message):
        """A person selected a phase."""

        def __init__(self, phase: Phase) -> None:
            super().__init__()
            self.phase = phase

    def draw(self, width: int, height: int) -> Sequence[Row]:
        """Five boxes side by side with arrows between them."""
        gap = 3 if width >= 100 else 1
        wide = (width - gap * (len(PHASES) - 1)) // len(PHASES)
        grid = Grid(width, height)
        x = (width - wide * len(PHASES) - gap * (len(PHASES) - 1)) // 2
        for index, phase in enumerate(self.view.phases):
            self._box(grid, phase, x, wide, height)
            if index + 1 < len(PHASES):
                grid.write(x + wide + gap // 2, height // 2, "►", "wire")
            x += wide + gap
        return grid.rows()

    def _box(self, grid: Grid, view: PhaseView, x: int, width: int, height: int) -> None:
        lit = view.status in (PhaseStatus.ACTIVE, PhaseStatus.WAITING)
        chosen = view.phase is self.selected
        # As the other panels do, the rail shows by its frames that the arrow keys are its own.
        role = "accent" if chosen and self.has_focus else view.mark.tone if lit else "wire"
        grid.box(x, 0, width, height, role, heavy=lit or (chosen and self.has_focus))
        name_role = "selected" if chosen and self.has_focus else "strong" if lit or chosen else "plain"
        age = f"· {view.age} " if view.age and width >= 26 else ""
        name = f"{'▸' if chosen else ' '}{view.title} {age}"
        grid.write_row(x + 1, 0, clip(((name, name_role),), width - 4))
        grid.write_row(x + width - 4, 0, ((" ", "plain"), *spans(view.mark), (" ", "plain")))
        inner = width - 4
        idle = view.status is PhaseStatus.IDLE
        offers = [hint_words(hint) for hint in view.hints]
        # Where there is no result yet, what a person can do takes its place.
        first, *others = [view.headline] if view.headline or not offers else offers
        offers = others or (offers if view.headline else [])
        lines: list[Row] = [((first, "dim" if idle else view.tone),)]
        if view.age and width < 26:
            lines.append(((view.age, "dim"),))
        lines += [((fact, "dim"),) for fact in (*view.facts, *offers)]
        for offset, line in enumerate(lines[: height - 2]):
            grid.write_row(x + 2, 1 + offset, clip(line, inner))

    def on_focus(self) -> None:
        """Draw the selection as the one that the arrow keys move."""
        self.redraw()

    def on_blur(self) -> None:
        """Draw the selection as one of a panel without the focus."""
        self.redraw()

    def watch_selected(self) -> None:
        """Draw the selection."""
        self.redraw()

    def action_move(self, dx: int) -> None:
        """Select the next phase."""
        self.choose(PHASES[(PHASES.index(self.selected) + dx) % len(PHASES)])

    async def on_click(self, event: events.Click) -> None:
        """Select the phase under the mouse; a second click opens it."""
        self.choose(PHASES[min(event.x * len(PHASES) // max(1, self.size.width), len(PHASES) - 1)])
        if event.chain == 2:
            await self.app.run_action("open")

    def choose(self, phase: Phase) -> None:
        """Select a phase as a person does."""
        self.selected = phase
        self.chosen = True
        self.post_message(self.Selected(phase))
