"""The terminal app: keys become commands, states become what the screen shows, and nothing else."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.timer import Timer

from marskit.controller.port import RuntimePort
from marskit.domain import commands
from marskit.domain.commands import Command, CommandError
from marskit.domain.events import Event
from marskit.domain.records import Phase
from marskit.domain.state import State
from marskit.domain.training import Stage
from marskit.system import exit_codes
from marskit.system.signals import ending_signals
from marskit.training.trainer import Trainer
from marskit.tui.keys import KEYS, Key, bindings
from marskit.tui.looks import CALM_FRAME_S, Looks, keep_theme, theme_of
from marskit.tui.messages import CommandDone, CommandFailed, StateChanged, Stopped, TrainingChanged
from marskit.tui.palette import THEMES
from marskit.tui.screens.confirm import Confirm
from marskit.tui.screens.live import LiveScreen
from marskit.tui.terminal import TerminalDriver
from marskit.views.forms import Form, forms
from marskit.views.intents import Intent, Meaning, Prompt, Refusal, resolve_intent, undo_words

FRAME_S = 0.22
"""Shortest time between two draws, in seconds: remote terminals can show no more."""
STOP_TIMEOUT_S = 6.0
UNREAD_S = 0.5
"""Time for which a plan that replaced another cannot be decided on, in seconds: the key was for the other."""
_VERDICTS = (Intent.APPROVE, Intent.REJECT)
FACTOR_LAG_S = 3.0
"""Time for which a requested load factor counts before the generator reports it, in seconds."""


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
        done = self._undone(command)
        if done:
            self.notify(f"Undoing: {done}…", markup=False)
        self._runtime.submit(command).add_done_callback(partial(self._ended, done=done))

    def _undone(self, command: Command) -> str:
        """What an undo changes, in words; it may take seconds, and must not be silent meanwhile."""
        if not isinstance(command, commands.Undo):
            return ""
        executions = (e for e in self._state.executions if e.id == command.execution)
        return next((undo_words(e, self._state) for e in executions if e.inverse is not None), "")

    def _ended(self, result: Future[None], done: str) -> None:
        """Runs on the runtime's thread."""
        if not result.cancelled() and result.exception() is None and done:
            self.post_message(CommandDone(f"Undone: {done}."))
        if not result.cancelled() and (error := result.exception()) is not None:
            self.post_message(
                CommandFailed(str(error) or type(error).__name__, expected=isinstance(error, CommandError))
            )

    def on_command_done(self, message: CommandDone) -> None:
        """Say so."""
        self.notify(message.sentence, markup=False)

    def on_command_failed(self, message: CommandFailed) -> None:
        """Show the error."""
        self.notify(message.sentence, severity="warning" if message.expected else "error", markup=False)

    @property
    def factor(self) -> float:
        """The load factor requested last, or the one that the generator reports."""
        if self._factor is not None and self._state.now_s - self._factor[1] < FACTOR_LAG_S:
            return self._factor[0]
        observation = self._state.observation
        return observation.load.factor if observation and observation.load else 1.0

    def meaning(self, intent: Intent) -> Meaning:
        """What an intent means in the present state."""
        return resolve_intent(intent, self._state, workload=self.live.workload, factor=self.factor)

    def action_intend(self, name: str) -> None:
        """Run the intent of a key in the present state."""
        intent = Intent(name)
        # A verdict is about the plan that is drawn, which may be older than the newest state.
        state = self.live.state if intent in _VERDICTS else self._state
        if intent in _VERDICTS and self._is_new(state):
            self.notify("Another plan has just replaced that one: look at it first.", severity="warning")
            return
        meant = resolve_intent(intent, state, workload=self.live.workload, factor=self.factor)
        if isinstance(meant, Prompt):
            self.ask(meant)
        elif isinstance(meant, Refusal):
            self.notify(meant.sentence, severity="warning", markup=False)
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

    def go_to(self, node: str) -> None:
        """Select a node of the mesh and open it."""
        self.live.topology.selected = node
        self.live.topology.focus()
        self.action_open()

    def named_places(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """Places besides the nodes of the mesh: the phases and the log."""
        for phase in Phase:
            yield str(phase), partial(self._go_to_phase, phase)
        yield "log", self._go_to_log

    def _go_to_phase(self, phase: Phase) -> None:
        self.live.rail.choose(phase)
        self.live.rail.focus()
        self.action_open()

    def _go_to_log(self) -> None:
        self.live.log_panel.focus()
        self.action_open()

    def choose_theme(self, name: str) -> None:
        """Use another theme, and keep it for the next start."""
        self.theme = name
        try:
            keep_theme(name)
        except OSError as error:
            self.notify(f"The theme cannot be kept for the next start: {error.strerror}.", markup=False)

    def keep_screenshot(self) -> None:
        """Save the screen as an SVG in the current folder, and say where."""
        path = Path.cwd() / time.strftime("marskit-%Y%m%d-%H%M%S.svg")
        try:
            path.write_text(self.export_screenshot(title="marskit"), encoding="utf-8")
        except OSError as error:
            self.notify(f"The screenshot cannot be saved as {path}: {error.strerror}.", severity="error")
        else:
            self.notify(f"The screenshot is saved as {path}.", markup=False)

    def _is_new(self, state: State) -> bool:
        """Whether a plan that replaced another appeared too recently for a person to have read it."""
        cycle = state.cycle
        return (
            cycle is not None
            and cycle.awaiting_approval
            and cycle.revision > 1
            and time.monotonic() - self.live.shown_at_s < UNREAD_S
        )

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
        state = self.trainer.state
        if callable(renew := getattr(self.screen, "renew", None)):
            renew()
        elif state.stage is Stage.DONE and state.saved is not None:
            self.notify(
                f"Training is complete; the policy is saved as {state.saved.saved}. Press t to see it.",
                markup=False,
            )
        elif state.stage is Stage.FAILED:
            self.notify(state.reason, severity="warning", markup=False)

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
            training = ", and the training" if self.trainer.state.is_busy else ""
            question = f"Stop the load and the mesh{training}, and leave? Recorded cycles are kept."
            self.push_screen(Confirm(question, key="q", yes="leave"), self._leave)
        else:
            self._leave(agreed=True)

    def _leave(self, agreed: bool | None) -> None:  # noqa: FBT001 # as a screen's result comes
        if not agreed or self._leaving:
            return
        self._leaving = True
        self.trainer.stop()
        self.live.say_stopping("◌ Stopping the load and the mesh…   q to leave at once")
        threading.Thread(target=self._stop, name="marskit-stop", daemon=True).start()

    def _stop(self) -> None:
        """Runs on a thread of its own, so that the screen shows the mesh stopping."""
        self.post_message(Stopped(clean=self._runtime.stop(STOP_TIMEOUT_S)))

    def on_stopped(self, message: Stopped) -> None:
        """Leave."""
        ended = self._runtime.state.ended
        self.exit(0 if message.clean and (ended is None or ended.reason is None) else 1)


def never_began(state: State) -> bool:
    """Whether the run never began because its input was wrong, so that there is nothing to show."""
    return state.started is None and state.ended is not None and state.ended.reason is not None
