"""A recorded run in a notebook or a script: every moment, and what another planner would have done."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from marskit.branching.child import BranchChild
from marskit.branching.read import read_timeline
from marskit.domain.state import State
from marskit.knowledge.read.runs import find_run
from marskit.lab.formats import register, state_bundle
from marskit.lab.inputs import LabError, checked_planner, dashboard, runs_folder
from marskit.lab.records import Cycles
from marskit.pictures.bundle import Bundle
from marskit.plugins.base import Planner
from marskit.replay.branched import Branched
from marskit.replay.player import Player
from marskit.replay.timeline import Stop
from marskit.system.worker import completed

_STOPS = {"cycle": Stop.CYCLE, "phase": Stop.PHASE, "event": Stop.EVENT, "action": Stop.ACTION}


class Replay:
    """A recording, at one of its moments; at first at its end.

    >>> import marskit as mk
    >>> with mk.Lab("twin", seed=7) as lab:
    ...     cycles = lab.run(3)
    >>> replay = mk.replay()
    >>> replay.go(2)
    >>> replay.state.cycles_done, replay.cycles == cycles
    (2, True)
    """

    def __init__(self, run: str, runs: str | Path, arguments: tuple[str, ...]) -> None:
        """Read the run.

        Args:
            run: Its id, a beginning of it, or `last`.
            runs: The folder of runs, or their URL.
            arguments: Further arguments of `marskit replay`, for branches.

        Raises:
            UserError: It cannot be found, read or replayed.
        """
        register()
        self.run = find_run(runs, run)
        self._timeline = read_timeline(runs, self.run)
        self._closing: list[Callable[[], object]] = []
        self._player = Player(self._timeline, len(self._timeline))
        self._child = BranchChild(self.run, ("--runs", str(runs), *arguments))

    @property
    def runtime(self) -> Player:
        """The player: what panels show and move."""
        return self._player

    @property
    def state(self) -> State:
        """The state at the present moment."""
        return self._player.state

    @property
    def cycles(self) -> Cycles:
        """All cycles of the recording, also those after the present moment."""
        ends = self._timeline.stops(Stop.CYCLE)
        return Cycles(self._timeline.state_at(step).cycles[-1] for step in ends)

    @property
    def notes(self) -> tuple[str, ...]:
        """Gaps in the recording, one sentence each."""
        return self._timeline.notes

    def go(self, cycle: int) -> None:
        """Go to the end of a cycle.

        Raises:
            LabError: The recording does not have it.
        """
        begin = self._timeline.begin_of(cycle)
        if begin is None:
            there = self._timeline.cycles
            known = f"it has {there[0]} to {there[-1]}" if there else "it has none"
            raise LabError(f"There is no cycle {cycle} in run {self.run}; {known}.")
        end = self._timeline.after(Stop.CYCLE, begin)
        self._player.go(len(self._timeline) if end is None else end)

    def step(self, to: Literal["cycle", "phase", "event", "action"] = "cycle", *, back: bool = False) -> bool:
        """Go to the next end of a cycle or phase, the next event or action, or the one before.

        Returns:
            Whether there is one.
        """
        if to not in _STOPS:
            raise LabError(f"A step of a replay goes to one of {', '.join(_STOPS)}, not {to!r}.")
        return self._player.next(_STOPS[to], back=back)

    def branch(self, planner: str | type[Planner], cycle: int | None = None) -> Branched:
        """What another planner would have done from a cycle on, in the twin, beside the recorded actions.

        It runs in a process of its own, to the end of the recording; an interrupt ends it.

        Args:
            planner: A planner's name, `FILE.py:CLASS` or a class.
            cycle: The first cycle that it decides; by default the one under way at the present moment.

        Raises:
            ReplayError: The run cannot be branched there.
        """
        name = checked_planner(planner)
        at = cycle if cycle is not None else self._player.position.cycle or 1
        return completed(lambda: self._child.branch(at, name, lambda who, done, of: None), "marskit-branch")

    def at_close(self, callback: Callable[[], object]) -> None:
        """Call that function when the replay is closed; panels end themselves so."""
        self._closing.append(callback)

    def close(self) -> None:
        """End the panels that show it. Idempotent."""
        callbacks, self._closing = self._closing, []
        for callback in callbacks:
            callback()

    def show(
        self, *panels: str, pause_after_s: float | None = None, close_after_s: float | None = None
    ) -> Any:
        """A dashboard of the recording, or only the panels that are named; needs the extra `notebook`.

        When no page shows it any more, the recording stops playing after `pause_after_s` seconds (60 if not
        given), and its panels end after `close_after_s` (600); `float("inf")` is never.
        """
        return dashboard(self, *panels, pause_after_s=pause_after_s, close_after_s=close_after_s)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        return state_bundle(self.state)


def replay(
    run: str = "last",
    *,
    runs: str | Path | None = None,
    manifests: tuple[str | Path, ...] = (),
    mapping: str | Path | None = None,
) -> Replay:
    """Open a recorded run.

    Args:
        run: Its id, a beginning of it, or `last`.
        runs: Where runs are stored, as for `marskit.Lab`.
        manifests: For branches of a run on other manifests than the demo's.
        mapping: The mapping file of those.

    Raises:
        UserError: The run cannot be found, read or replayed.
    """
    arguments: tuple[str, ...] = ()
    if manifests:
        arguments += ("--manifests", *(str(Path(each).absolute()) for each in manifests))
    if mapping is not None:
        arguments += ("--mapping", str(Path(mapping).absolute()))
    return Replay(run, runs_folder(runs), arguments)
