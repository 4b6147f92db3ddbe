"""The app on a recorded run: keys move in time instead of changing the mesh."""

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar, Protocol

from textual import on, work
from textual.binding import Binding, BindingType

from marskit.domain import commands
from marskit.domain.commands import Command
from marskit.domain.state import State
from marskit.replay.branchable import check_branchable
from marskit.replay.branched import Branched, ReplayError
from marskit.replay.player import UNCHANGEABLE, Player
from marskit.replay.timeline import Stop, Timeline
from marskit.system import exit_codes
from marskit.tui.app import MarskitApp
from marskit.tui.keys import Key, bindings
from marskit.tui.looks import Looks
from marskit.tui.messages import Loaded, Reading, Unreadable
from marskit.tui.replay_keys import REFUSED, REPLAY_KEYS
from marskit.tui.screens.live import LiveScreen
from marskit.tui.screens.replay import ReplayScreen
from marskit.tui.widgets.transport import Transport
from marskit.views.branching import (
    BRANCH_COMES,
    NO_BRANCH,
    NO_CYCLE,
    STILL_BRANCHING,
    branch_begun,
    branch_question,
    branch_words,
    cycle_to_branch,
)
from marskit.views.controls import Intent
from marskit.views.finding import Place, Situation
from marskit.views.forms import Form
from marskit.views.meaning import Meaning, Refusal
from marskit.views.notices import Notice
from marskit.views.replay import Marks, TransportView, marks_of, no_stop, reading_words, transport_view
from marskit.views.tone import Tone

TICK_S = 0.1
"""Interval between moves of a playing replay, in seconds."""
Tell = Callable[[str, int, int], None]
"""Reports progress: what is being done, how much is done, and how much there is."""
Read = Callable[[Tell], Timeline]
"""Reads a recording, on a thread of its own; raises `ReplayError`."""


class Branches(Protocol):
    """Lets another planner decide from a cycle of the recorded run on."""

    async def branch(self, cycle: int, planner: str, tell: Tell) -> Branched:
        """Run the branch and its control.

        Raises:
            ReplayError: The run cannot be branched there.
        """
        ...


class ReplayApp(MarskitApp, inherit_bindings=False):
    """Shows one recorded run."""

    TITLE = "marskit replay"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(REPLAY_KEYS),
        Binding(REFUSED, "refuse", show=False),
        Binding("ctrl+c,ctrl+q", "leave", "Leave the replay", show=False, priority=True),
    ]
    keys: ClassVar[tuple[Key, ...]] = REPLAY_KEYS
    frame_s = 0.02

    def __init__(
        self,
        read: Read,
        branches: Branches | None = None,
        *,
        cycle: int | None = None,
        signals: Sequence[int] = (),
        looks: Looks = Looks(),  # noqa: B008 # frozen
    ) -> None:
        """Show what `read` reads, from `cycle` on, and let `branches` branch it."""
        self.player = Player(Timeline(()))
        super().__init__(self.player, signals, looks=looks)
        self.complaint: str | None = None
        """Why the recording cannot be shown, once that is known."""
        self.newest: Branched | None = None
        self._read = read
        self._branches = branches
        self._cycle = cycle
        self._marks = Marks()
        self._note = ""
        self._branching: asyncio.Task[None] | None = None
        self._ticked_at_s = 0.0

    def make_live(self, state: State) -> LiveScreen:
        """The live screen with a transport."""
        return ReplayScreen(state, REPLAY_KEYS)

    @property
    def replay_screen(self) -> ReplayScreen:
        """The screen under all others."""
        assert isinstance(self.live, ReplayScreen)
        return self.live

    def on_mount(self) -> None:
        """Start reading once the first frame is shown."""
        super().on_mount()
        self.set_interval(TICK_S, self._tick)
        self.call_after_refresh(self._load)

    async def on_unmount(self) -> None:
        """End a branch that is still running."""
        await super().on_unmount()
        if self._branching is not None:
            self._branching.cancel()
            await asyncio.wait({self._branching})

    @work(thread=True, exit_on_error=False)
    def _load(self) -> None:
        def tell(doing: str, done: int, of: int) -> None:
            self.post_message(Reading(reading_words(doing, done, of)))

        try:
            self.post_message(Loaded(self._read(tell)))
        except ReplayError as error:
            self.post_message(Unreadable(str(error)))

    def on_reading(self, message: Reading) -> None:
        """Show the progress of reading."""
        self.replay_screen.show_transport(TransportView(note=message.note))

    def on_unreadable(self, message: Unreadable) -> None:
        """Leave with an error."""
        self.complaint = message.sentence
        self.exit(exit_codes.INPUT)

    def on_loaded(self, message: Loaded) -> None:
        """Show the recording."""
        first = next(iter(message.timeline.cycles), None)
        cycle = first if self._cycle is None else self._cycle
        step = message.timeline.begin_of(cycle) if cycle is not None else None
        self.player.unsubscribe(self._sink)
        self.player = self._runtime = Player(message.timeline, step)
        self.player.subscribe(self._sink)
        self._marks = marks_of(message.timeline)
        for sentence in message.timeline.notes:
            self.notify(sentence, severity="warning", markup=False, timeout=10)
        self._sink()

    def _draw(self) -> None:
        super()._draw()
        if len(self.player.timeline):
            self.replay_screen.show_transport(transport_view(self.player, self._marks, self._note))

    def _tick(self) -> None:
        now_s = time.monotonic()
        passed_s, self._ticked_at_s = now_s - self._ticked_at_s, now_s
        before = self.player.step, self.player.playing
        self.player.advance(min(passed_s, 5 * TICK_S))
        if before != (self.player.step, self.player.playing):
            self._sink()

    @on(Transport.Scrubbed)
    def _scrubbed(self, message: Transport.Scrubbed) -> None:
        self.player.go_to(message.at * self.player.timeline.end_s)

    def jump(self, step: int) -> None:
        """Go to a step and draw it at once."""
        self.player.go(step)
        self._draw_now()

    def action_play(self) -> None:
        """Play, or pause."""
        self.player.play(on=not self.player.playing)
        self._sink()

    def action_speed(self, back: bool = False) -> None:  # noqa: FBT001 # as keys give it
        """Play faster, or slower."""
        self.player.faster(back=back)
        self._sink()

    def action_jump(self, stop: str, back: bool = False) -> None:  # noqa: FBT001 # as keys give it
        """Go to the next stop of a kind, or to the one before."""
        if not self.player.next(Stop(stop), back=back):
            self.tell(no_stop(stop, back=back))
            return
        self._draw_now()
        self.replay_screen.turn_to_phase()

    def action_edge(self, back: bool = False) -> None:  # noqa: FBT001 # as keys give it
        """Go to the beginning, or to the end."""
        self.player.go(1 if back else len(self.player.timeline))

    def action_refuse(self) -> None:
        """Explain that a recorded mesh cannot be changed."""
        self.tell(Notice(UNCHANGEABLE, Tone.WARN))

    def action_branch(self) -> None:
        """Ask for a planner, and branch in the twin."""
        timeline, cycle = self.player.timeline, cycle_to_branch(self.player)
        started = timeline.started
        if self._branches is None or started is None or cycle is None:
            self.tell(NO_CYCLE)
            return
        if self._branching is not None:
            self.tell(STILL_BRANCHING)
            return
        try:
            check_branchable(timeline, cycle)
        except ReplayError as error:
            self.tell(Notice(str(error), Tone.WARN))
            return
        from marskit.tui.screens.picker import Picker

        question = branch_question(started.planners, self.player.state.planner, cycle)
        self.push_screen(Picker(question), lambda chosen: self._begin_branch(cycle, chosen))

    def action_beside(self) -> None:
        """Show the newest branch again."""
        if self.newest is None:
            self.tell(BRANCH_COMES if self._branching else NO_BRANCH)
            return
        from marskit.tui.screens.branch import BranchScreen

        self.push_screen(BranchScreen(self.newest))

    def go_to(self, place: Place) -> None:
        """Go to the beginning of a cycle too."""
        if place.step is None:
            super().go_to(place)
        else:
            self.jump(place.step)

    def situation(self) -> Situation:
        """The cycles too."""
        timeline = self.player.timeline
        begins = ((cycle, timeline.begin_of(cycle)) for cycle in timeline.cycles)
        cycles = tuple((cycle, step) for cycle, step in begins if step is not None)
        return replace(super().situation(), cycles=cycles)

    def meaning(self, intent: Intent) -> Meaning:
        """Nothing: a recording cannot be changed."""
        return Refusal(UNCHANGEABLE)

    def forms(self) -> tuple[Form, ...]:
        """None, likewise."""
        return ()

    def action_leave(self) -> None:
        """Leave at once: nothing has to be stopped first."""
        self.exit(0)

    def _draw_now(self) -> None:
        self._state = self.player.state
        self._draw()

    def _begin_branch(self, cycle: int, chosen: Command | None) -> None:
        if isinstance(chosen, commands.SetPlanner):
            self._branching = asyncio.create_task(self._branch(cycle, chosen.planner))

    async def _branch(self, cycle: int, planner: str) -> None:
        assert self._branches is not None
        self._note_down(branch_begun(planner, cycle))

        def tell(doing: str, done: int, of: int) -> None:
            self._note_down(branch_words(doing, done, of))

        try:
            self.newest = await self._branches.branch(cycle, planner, tell)
        except ReplayError as error:
            self.notify(str(error), severity="warning", markup=False, timeout=10)
        else:
            self.action_beside()
        finally:
            self._branching = None
            self._note_down("")

    def _note_down(self, note: str) -> None:
        self._note = note
        self._draw_now()


def run_replay(
    read: Read,
    branches: Branches | None,
    *,
    cycle: int | None = None,
    signals: Sequence[int] = (),
    looks: Looks = Looks(),  # noqa: B008 # frozen
) -> int:
    """Show the recording until a person leaves; returns the exit code and prints an error on stderr."""
    app = ReplayApp(read, branches, cycle=cycle, signals=signals, looks=looks)
    app.run()
    if app.complaint is not None:
        print(f"marskit: {app.complaint}", file=sys.stderr)
    return app.return_value if app.return_value is not None else exit_codes.FAILED
