"""The terminal app: keys become commands, states become what the screen shows, and nothing else."""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import ClassVar, Literal

from textual import work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.timer import Timer

from marskit.controller.port import RuntimePort
from marskit.domain import commands
from marskit.domain.commands import Command
from marskit.domain.events import Event
from marskit.domain.state import State
from marskit.system import exit_codes
from marskit.system.signals import ending_signals
from marskit.training.trainer import Trainer
from marskit.tui.key_names import with_hints
from marskit.tui.keys import KEYS, Key, bindings
from marskit.tui.looks import CALM_FRAME_S, Looks, keep_picture, keep_theme, theme_of
from marskit.tui.messages import StateChanged, Stopped, Told, TrainingChanged
from marskit.tui.palette import THEMES
from marskit.tui.screens.confirm import Confirm
from marskit.tui.screens.live import LiveScreen
from marskit.tui.terminal import TerminalDriver
from marskit.views.controls import Intent
from marskit.views.finding import Place, Situation
from marskit.views.forms import Form, forms
from marskit.views.intents import resolve_intent
from marskit.views.load import factor_now
from marskit.views.meaning import Meaning, Prompt, Refusal
from marskit.views.notices import (
    Notice,
    failure,
    leave_question,
    training_ended,
    undoing,
    undone,
    undone_by,
)
from marskit.views.review import REPLACED, is_unread
from marskit.views.summary import never_began
from marskit.views.tone import Tone

FRAME_S = 0.22
"""Shortest time between two draws, in seconds: remote terminals can show no more."""
STOP_TIMEOUT_S = 6.0
_SEVERITIES: dict[Tone, Literal["warning", "error"]] = {Tone.WARN: "warning", Tone.BAD: "error"}
_VERDICTS = (Intent.APPROVE, Intent.REJECT)


class MarskitApp(App[int]):
    """Shows one run and sends it commands."""

    CSS_PATH = "app.tcss"
    TITLE = "marskit"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(KEYS),
        Binding("ctrl+c", "leave", "Stop the mesh and leave", show=False, priority=True),
    ]
    keys: ClassVar[tuple[Key, ...]] = KEYS
    """The keys of the footer, the help and the command palette."""
    frame_s: float = FRAME_S

    def __init__(
        self,
        runtime: RuntimePort,
        signals: Sequence[int] = (),
        begin: Callable[[], None] | None = None,
        training: Sequence[str] = (),
        summaries: Callable[[], Mapping[str, str]] = dict,
        looks: Looks = Looks(),  # noqa: B008 # frozen
    ) -> None:
        """Show `runtime`, and call `begin` once the first frame is drawn.

        `signals` collects those that arrive before the screen listens for them itself. `training` describes
        the mesh to every training, as arguments of `marskit.training`. `summaries` says what each planner and
        each load scenario is, for the lists of them; it is called once, on a thread of its own.
        """
        super().__init__(driver_class=TerminalDriver)
        self._runtime = runtime
        self._signals = signals
        self._begin = begin
        self.live = self.make_live(runtime.state)
        self._state = runtime.state
        self._drawn_at_s = 0.0
        self._due: Timer | None = None
        self._factor: tuple[float, float] | None = None
        self._leaving = False
        self.summaries: Mapping[str, str] = {}
        """What each planner and each load scenario is, in a sentence, once that was read."""
        self._read_summaries = summaries
        self._summarised = False
        self.trainer = Trainer(training, lambda: self.post_message(TrainingChanged()))
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = theme_of(looks)
        if looks.calm:
            self.frame_s = CALM_FRAME_S

    def make_live(self, state: State) -> LiveScreen:
        """The screen that shows the run."""
        return LiveScreen(state, self.keys)

    def get_default_screen(self) -> LiveScreen:
        """The live screen, which is the base of all others."""
        return self.live

    def on_mount(self) -> None:
        """Start listening; earlier events are in the state already."""
        for number in ending_signals():
            asyncio.get_running_loop().add_signal_handler(number, self.exit, exit_codes.of_signal(number))
        if self._signals:
            self.exit(exit_codes.of_signal(self._signals[0]))
        self._runtime.subscribe(self._sink)
        self._sink()
        if self._begin is not None:
            # Starting loads many modules, which would delay the first frame.
            self.call_after_refresh(self._begin)

    async def on_unmount(self) -> None:
        """Stop listening, and leave no training behind."""
        self._runtime.unsubscribe(self._sink)
        await self.trainer.close()

    def _sink(self, event: Event | None = None) -> None:
        """Runs on the runtime's thread: hand off, nothing else."""
        self.post_message(StateChanged(self._runtime.state))

    def on_state_changed(self, message: StateChanged) -> None:
        """Draw the state at once, or together with others of the same frame."""
        self._state = message.state
        if never_began(message.state):
            self.exit(exit_codes.INPUT)
            return
        if message.state.gateway_url is not None and not self._summarised:
            # Not earlier: it would slow the start down.
            self._summarised = True
            self._summarise()
        if self._due is None:
            wait_s = self._drawn_at_s + self.frame_s - time.monotonic()
            if wait_s <= 0:
                self._draw()
            else:
                self._due = self.set_timer(wait_s, self._draw)

    def _draw(self) -> None:
        self._due = None
        if isinstance(driver := self._driver, TerminalDriver) and driver.output.is_writing:
            # A thin link still carries the frame before: the next one shows the newest state, not a backlog.
            self._due = self.set_timer(self.frame_s, self._draw)
            return
        self._drawn_at_s = time.monotonic()
        self.live.show(self._state)
        for screen in self.screen_stack[1:]:
            if callable(show := getattr(screen, "show", None)):
                show(self._state)

    @work(thread=True, exit_on_error=False)
    def _summarise(self) -> None:
        self.summaries = self._read_summaries()

    def submit(self, command: Command | None) -> None:
        """Send a command; if it fails, show the error."""
        if command is None:
            return
        if isinstance(command, commands.SetLoadFactor):
            self._factor = (command.factor, self._state.now_s)
        done = undone_by(command, self._state)
        if done:
            self.tell(undoing(done))
        self._runtime.submit(command).add_done_callback(partial(self._ended, done=done))

    def _ended(self, result: Future[None], done: str) -> None:
        """Runs on the runtime's thread."""
        if not result.cancelled() and result.exception() is None and done:
            self.post_message(Told(undone(done)))
        if not result.cancelled() and (error := result.exception()) is not None:
            self.post_message(Told(failure(error)))

    def on_told(self, message: Told) -> None:
        """Show what became of a command."""
        self.tell(message.notice)

    def tell(self, notice: Notice) -> None:
        """Show a notice for a while."""
        hints = (notice.hint,) if notice.hint is not None else ()
        self.notify(
            with_hints(notice.text, hints),
            severity=_SEVERITIES.get(notice.tone, "information"),
            markup=False,
        )

    @property
    def factor(self) -> float:
        """The load factor requested last, or the one that the generator reports."""
        return factor_now(self._state, self._factor)

    def meaning(self, intent: Intent) -> Meaning:
        """What an intent means in the present state."""
        return resolve_intent(intent, self._state, workload=self.live.workload, factor=self.factor)

    def action_intend(self, name: str) -> None:
        """Run the intent of a key in the present state."""
        intent = Intent(name)
        # A verdict is about the plan that is drawn, which may be older than the newest state.
        state = self.live.state if intent in _VERDICTS else self._state
        if intent in _VERDICTS and is_unread(state, time.monotonic() - self.live.shown_at_s):
            self.tell(Notice(REPLACED, Tone.WARN))
            return
        meant = resolve_intent(intent, state, workload=self.live.workload, factor=self.factor)
        if isinstance(meant, Prompt):
            self.ask(meant)
        elif isinstance(meant, Refusal):
            where = ": tab, then the arrow keys." if meant.needs_workload else "."
            self.tell(Notice(f"{meant.sentence.removesuffix('.')}{where}", Tone.WARN))
        else:
            self.submit(meant)

    def ask(self, question: Prompt, *, at: str | None = None) -> None:
        """Let a person choose one of the commands, with the option `at` selected."""
        from marskit.tui.screens.picker import Picker

        self.push_screen(Picker(question, self.summaries, at=at), self.submit)

    def action_command_palette(self) -> None:
        """Find a place, or something to do."""
        from marskit.tui.finding import entries
        from marskit.tui.screens.finder import Finder

        def act(do: Callable[[], object] | None) -> None:
            if do is not None:
                self.call_later(do)

        self.push_screen(Finder("Go to, or do", entries(self)), act)

    def go_to(self, place: Place) -> None:
        """Go to a place and open it."""
        if place.is_log:
            self.live.log_panel.focus()
        elif place.phase is not None:
            self.live.rail.choose(place.phase)
            self.live.rail.focus()
        else:
            self.live.topology.selected = place.node
            self.live.topology.focus()
        self.action_open()

    def situation(self) -> Situation:
        """What decides, besides the state, which entries can be found."""
        return Situation(
            [key.control for key in self.keys],
            self.meaning,
            self.forms(),
            workload=self.live.workload,
            factor=self.factor,
            small=self.live.has_class("-short"),
            summaries=self.summaries,
        )

    def choose_theme(self, name: str) -> None:
        """Use another theme, and keep it for the next start."""
        self.theme = name
        if (notice := keep_theme(name)) is not None:
            self.tell(notice)

    def keep_screenshot(self) -> None:
        """Save the screen as an SVG in the current folder, and say where."""
        self.tell(keep_picture(self.export_screenshot(title="marskit")))

    def forms(self) -> tuple[Form, ...]:
        """Every form that can be filled in now."""
        return forms(self._state)

    def fill_in(self, form: Form) -> None:
        """Open a form; its command is submitted like any other."""
        from marskit.tui.screens.form import FormScreen

        self.push_screen(FormScreen(form, self._runtime.preview), self.submit)

    def action_open(self) -> None:
        """Open the selection in full: the node, the log, or the phase."""
        from marskit.tui.screens.opened import opened

        self.push_screen(opened(self.live))

    def action_help(self) -> None:
        """Explain the screen."""
        from marskit.tui.screens.opened import help_screen

        self.push_screen(help_screen(self._state, self.keys))

    def action_train(self) -> None:
        """Open the training pane."""
        from marskit.tui.screens.training import TrainingScreen

        self.push_screen(TrainingScreen(self.trainer, self._state, self.submit))

    def on_training_changed(self) -> None:
        """Update the open pane, or report the end of the training if it is closed."""
        if callable(renew := getattr(self.screen, "renew", None)):
            renew()
        elif (notice := training_ended(self.trainer.state)) is not None:
            self.tell(notice)

    def action_only_unhealthy(self) -> None:
        """Show only what ails in the mesh, or everything again."""
        self.live.topology.only_unhealthy = not self.live.topology.only_unhealthy
        self.live.show(self._state)

    def action_next_view(self) -> None:
        """Show another panel on a short screen."""
        self.live.next_view()

    async def action_quit(self) -> None:
        """Leave as `q` does."""
        self.action_leave()

    def action_leave(self) -> None:
        """Stop the mesh in the background, then leave; ask first if it is live, and not at all in a hurry."""
        if self._leaving:
            self.exit(1)
        elif isinstance(self.screen, Confirm):
            self.screen.dismiss(result=True)
        elif self._state.gateway_url is not None and self._state.ended is None:
            question = leave_question(training=self.trainer.state.is_busy)
            self.push_screen(Confirm(question, key="q", yes="leave"), self._leave)
        else:
            self._leave(agreed=True)

    def _leave(self, agreed: bool | None) -> None:  # noqa: FBT001 # as a screen's result comes
        if not agreed or self._leaving:
            return
        self._leaving = True
        self.trainer.stop()
        self.live.say_stopping()
        threading.Thread(target=self._stop, name="marskit-stop", daemon=True).start()

    def _stop(self) -> None:
        """Runs on a thread of its own, so that the screen shows the mesh stopping."""
        self.post_message(Stopped(clean=self._runtime.stop(STOP_TIMEOUT_S)))

    def on_stopped(self, message: Stopped) -> None:
        """Leave."""
        ended = self._runtime.state.ended
        self.exit(0 if message.clean and (ended is None or ended.reason is None) else 1)
