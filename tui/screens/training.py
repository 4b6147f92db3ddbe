"""The training pane: choose, start, watch the learning curve, stop, and use the policy at once."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from marskit.domain import commands
from marskit.domain.commands import Command
from marskit.domain.state import State
from marskit.domain.training import Stage
from marskit.training.trainer import Trainer
from marskit.tui.drawing.rows import Row
from marskit.tui.screens.confirm import Confirm
from marskit.tui.widgets.canvas import Canvas
from marskit.tui.widgets.header import Header
from marskit.tui.widgets.training import LearningCurve, TrainingProgress
from marskit.tui.widgets.training_form import TrainingForm
from marskit.views.summary import summary_view
from marskit.views.training import (
    CURVE_TITLE,
    DECIDES,
    FORM_TITLE,
    PROGRESS_TITLE,
    START,
    STOP,
    TOO_SHORT,
    USE,
    USES,
    TrainingView,
    training_view,
)
from marskit.views.training_form import FormView, replace_question, saved_words

Hint = tuple[str, str, str]
"""The key as shown, its label, and the screen's action."""


class Hints(Canvas[tuple[Hint, ...]]):
    """The pane's own keys; a click works like the key."""

    def draw(self, width: int, height: int) -> Sequence[Row]:
        """One row."""
        row: list[tuple[str, str]] = []
        for shown, label, _ in self.view:
            row += [(f" {shown}", "key"), (f" {label} ", "dim")]
        return [tuple(row)]

    async def on_click(self, event: events.Click) -> None:
        """Run the action of the key under the mouse."""
        x = 0
        for shown, label, action in self.view:
            wide = len(shown) + len(label) + 3
            if x <= event.x < x + wide and action:
                await self.screen.run_action(action)
            x += wide


class TrainingScreen(ModalScreen[None]):
    """Covers the live screen while it is open; the training continues when it is closed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "begin", START),
        Binding("s", "stop", STOP),
        Binding("p", "use", USE),
        Binding("escape,q,t", "dismiss(None)", "back"),
    ]

    def __init__(self, trainer: Trainer, state: State, submit: Callable[[Command], None]) -> None:
        super().__init__()
        self._trainer = trainer
        self._submit = submit
        self._state = state
        self.header = Header(summary_view(state), id="header")
        self.form = TrainingForm(FormView(trainer.choice), id="form")
        self.curve = LearningCurve(TrainingView(), id="curve")
        self.progress = TrainingProgress(TrainingView(), id="progress")
        self.hints = Hints((), id="hints")

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        with Vertical():
            yield self.header
            yield self.form
            yield self.curve
            yield self.progress
            yield self.hints

    def on_mount(self) -> None:
        """Show the current state."""
        self.form.focus()
        self.curve.entitle(CURVE_TITLE)
        self.renew()

    def show(self, state: State) -> None:
        """Show the run's newer state: the active planner may have changed."""
        self._state = state
        self.header.show(summary_view(state))
        self.renew()

    def renew(self) -> None:
        """Show the training's newer state."""
        view = training_view(self._trainer.state)
        busy = self._trainer.state.is_busy
        self.form.set_open(is_open=not busy)
        self._entitle_form()
        self.curve.show(view)
        self.progress.show(view)
        self.progress.entitle(PROGRESS_TITLE, self._note(view))
        self.hints.show(self._hints(view, busy=busy))

    def on_training_form_changed(self) -> None:
        """Take over the new choice; it outlives the pane, and the file name depends on it."""
        self._trainer.choice = self.form.view.choice
        self._entitle_form()

    def action_begin(self) -> None:
        """Start the chosen training."""
        if self.form.view.choice.seconds < 1:
            self.app.notify(TOO_SHORT, severity="warning")
            return
        if question := replace_question(self.form.view.choice):
            self.app.push_screen(Confirm(question, key="enter", yes="replace it"), self._begin)
        else:
            self._begin(agreed=True)

    def _begin(self, agreed: bool | None) -> None:  # noqa: FBT001 # as a screen's result comes
        if agreed:
            self._trainer.begin(self.form.view.choice)

    def action_stop(self) -> None:
        """Stop and keep the best policy so far."""
        self._trainer.stop()

    def action_use(self) -> None:
        """Let the new policy decide from the next plan on."""
        if saved := training_view(self._trainer.state).saved:
            self._submit(commands.SetPlanner(saved))

    def _entitle_form(self) -> None:
        self.form.entitle(FORM_TITLE, saved_words(self.form.view.choice))

    def _note(self, view: TrainingView) -> str:
        if not view.saved:
            return ""
        return DECIDES if self._state.planner == view.saved else f"p {USES}"

    def _hints(self, view: TrainingView, *, busy: bool) -> tuple[Hint, ...]:
        change: tuple[Hint, ...] = (("↵", START, "begin"), ("←→", "select", ""), ("↑↓", "change", ""))
        keys: tuple[Hint, ...] = (("s", STOP, "stop"),) if busy else change
        if view.saved and view.stage is Stage.DONE:
            keys = (*keys, ("p", USE, "use"))
        return (*keys, ("esc", "back, training continues" if busy else "back", "dismiss(None)"))
