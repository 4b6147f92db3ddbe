"""A lab: one run, driven step by step from a notebook or a script."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from marskit.assembly.settings import Settings
from marskit.controller.controller import Controller
from marskit.controller.runtime import Runtime
from marskit.demo import DEMO_MANIFESTS
from marskit.domain.commands import Run, SetPace, StepCycle, StepPhase
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.loop_events import (
    Analysed,
    ApprovalAwaited,
    CycleCompleted,
    ExecuteEnded,
    Monitored,
    Planned,
)
from marskit.domain.observation import Observation
from marskit.domain.plan import Plan
from marskit.domain.records import Cycle, Execution, Mode, Phase
from marskit.domain.state import State
from marskit.lab.acts import Acts, as_mode
from marskit.lab.inputs import LabError, Paths, mesh_name, paths, runs_folder
from marskit.lab.named import forget, replace_named
from marskit.lab.records import Cycles
from marskit.load.scenario import find_scenario
from marskit.plugins.base import Planner
from marskit.plugins.by_value import planner_name
from marskit.views.current import executions_of

if TYPE_CHECKING:
    import polars as pl

    from marskit.lab.report import Report

LIVE_PACE = 10.0
"""Pace of the twin while it runs by itself, in its seconds per real second, unless the lab has one."""
STOP_S = 20.0
"""Longest wait for the end of a run, in seconds."""
_PHASE_ENDS = (Monitored, Analysed, Planned, ExecuteEnded, CycleCompleted, ApprovalAwaited)
_CYCLE_ENDS = (CycleCompleted, ApprovalAwaited)

Done = Observation | Diagnosis | Plan | tuple[Execution, ...] | Cycle
"""What one phase produces."""


class Lab(Acts):
    """One run on a mesh, with methods that return when what they do took effect.

    The mesh starts at once in a thread of its own, and the loop is paused at first. On the twin, time stands
    still while the loop is paused, so the same calls with the same seed give the same cycles.

    >>> import marskit as mk
    >>> with mk.Lab("twin", scenario="spike", seed=7, planner="hpa") as lab:
    ...     cycle = lab.step()
    ...     more = lab.run(3)
    >>> cycle.id, [each.id for each in more]
    (1, [2, 3, 4])
    """

    def __init__(
        self,
        mesh: str = "twin",
        *,
        scenario: str = "spike",
        seed: int = 7,
        planner: str | type[Planner] = "hpa",
        name: str = "lab",
        mode: Mode | str = Mode.AUTO,
        manifests: Paths = DEMO_MANIFESTS,
        layers: Paths = (),
        mapping: str | Path | None = None,
        card: str | Path | None = None,
        engine: str = "requests",
        period_s: float | None = None,
        preview: bool = True,
        guard: bool = True,
        baselines: bool | None = None,
        pace: float | None = None,
        runs: str | Path | None = None,
        planner_deadline_s: float | None = None,
        timeout_s: float = 60.0,
    ) -> None:
        """Start a run; `ready` waits for its mesh, and so does everything that needs it.

        Args:
            mesh: `twin`, or `envoy` for the real mesh.
            scenario: The load: the name of a shipped scenario, or a file.
            seed: Seed of everything random.
            planner: A planner's name, `FILE.py:CLASS`, or a subclass of `marskit.Planner`.
            name: Name of the lab. Another lab of the same name is closed first, so that a cell that is run
                again does not start a second mesh.
            mode: `auto`, `recommend`, `approve` or `freeze`.
            manifests: Files and folders of the mesh; the demo by default.
            layers: Manifests whose objects replace earlier ones of the same name.
            mapping: File that says how the images of other manifests run as local processes.
            card: Calibration card of the twin.
            engine: The twin's engine, `requests` or `fast`.
            period_s: Real seconds from one cycle to the next; by default 15 scenario seconds.
            preview: Whether the twin predicts the effects of actions.
            guard: Whether plans that turn out worse than predicted are rolled back.
            baselines: Whether earlier runs are used; by default on a real mesh only.
            pace: The twin's seconds per real second, at most; by default as fast as possible in `step` and
                `run`, and `LIVE_PACE` after `start` and in mode `approve`.
            runs: Folder for recorded runs, or the URL of an object store; by default `runs` in the current
                folder, as for `marskit run`. Its meaning does not change with the current folder.
            planner_deadline_s: Seconds for a decision of a planner of your own; by default half a period.
            timeout_s: Longest wait without progress in any call, in seconds.

        Raises:
            UserError: Something given cannot be used; one sentence says why. What only the start of the run
                can find is raised by the first call that waits for it.
        """
        find_scenario(scenario)
        self._settings = Settings(
            mesh=mesh_name(mesh),
            manifests=paths(manifests),
            layers=paths(layers),
            mapping=Path(mapping).absolute() if mapping is not None else None,
            card=Path(card).absolute() if card is not None else None,
            scenario=scenario,
            engine=engine,
            planner=checked_planner(planner),
            mode=as_mode(mode),
            seed=seed,
            period_s=period_s,
            preview=preview,
            guard=guard,
            baselines=baselines,
            pace=pace,
            runs=runs_folder(runs),
            planner_deadline_s=planner_deadline_s,
        )
        self._pace = pace
        self._closing: list[Callable[[], object]] = []
        super().__init__(Runtime(), timeout_s)
        replace_named(name, self._begin)

    @property
    def settings(self) -> Settings:
        """The settings of the run."""
        return self._settings

    @property
    def cycles(self) -> Cycles:
        """All completed cycles, oldest first."""
        return Cycles(self._watch.cycles)

    def step(self, what: Literal["cycle", "phase"] = "cycle") -> Done:
        """Finish the cycle under way or run a whole one, or only the next phase, then pause.

        In mode `approve`, it also returns when a plan awaits approval.

        Returns:
            The cycle, or what the phase produced: an `Observation`, a `Diagnosis`, a `Plan`, the executions,
            or the recorded `Cycle`.
        """
        if what not in ("cycle", "phase"):
            raise LabError(f'A step is a "cycle" or a "phase", not {what!r}.')
        self.ready()
        self._require_pace()
        self._by_phases = what == "phase"
        ends = _PHASE_ENDS if self._by_phases else _CYCLE_ENDS
        before = self._watch.count(*ends)
        self._tell(StepPhase() if self._by_phases else StepCycle(), "The step")
        self._wait(lambda state: self._watch.count(*ends) > before and self._rests(state), "The step")
        return _produced(self.state)

    def run(self, cycles: int = 1, until: Callable[[State], bool] | None = None) -> Cycles:
        """Run some cycles, then pause; an interrupt (Ctrl-C) pauses the loop, and the lab lives.

        In mode `approve`, it also returns when a plan awaits approval; the rest follows after `approve`.

        Args:
            cycles: Number of cycles, at most.
            until: Stop after the first cycle for which this function of the state is true.

        Returns:
            The completed cycles.
        """
        begun = len(self._watch.cycles)
        if until is None:
            self._run(cycles)
        else:
            # One by one: in virtual time, the loop would be far ahead by the time of the answer.
            for _ in range(cycles):
                self._run(1)
                if until(self.state) or self._is_waiting(self.state):
                    break
        return Cycles(self._watch.cycles[begun:])

    def start(self) -> None:
        """Let the loop run by itself, one cycle every period, until `pause`; returns at once."""
        self.ready()
        self._by_phases = False
        if self._settings.is_simulated and self._pace is None:
            self._tell(SetPace(LIVE_PACE), "The start of the loop")
        self._tell(Run(), "The start of the loop")

    def frame(self, table: str = "cycles") -> "pl.DataFrame":
        """A table of this run as a Polars frame; every completed cycle is in it.

        Args:
            table: `cycles`, `services`, `workloads`, `edges`, `symptoms`, `candidates`, `executions`,
                `effects` or `events`.
        """
        from marskit.lab.frames import frame

        return frame(self._settings.runs, self._run_id(), table)

    def report(self) -> "Report":
        """The story of this run so far: its curves, each violation with what was done, its figures."""
        from marskit.lab.report import Report

        return Report(self._settings.runs, self._run_id())

    def show(self, *panels: str) -> Any:
        """A live dashboard of this lab, or only the panels that are named; needs the extra `notebook`."""
        return dashboard(self, *panels)

    def at_close(self, callback: Callable[[], object]) -> None:
        """Call that function when the lab is closed; panels end themselves so."""
        self._closing.append(callback)

    def close(self) -> None:
        """End the run and everything that it started; its record remains. Idempotent.

        Raises:
            LabError: It takes too long, or this is the thread of the run.
        """
        self._watch.require_other_thread()
        forget(self)
        callbacks, self._closing = self._closing, []
        for callback in callbacks:
            # A panel that is gone already must not keep the mesh alive.
            with suppress(Exception):
                callback()
        if not self._runtime.stop(STOP_S):
            raise LabError(f"The run did not end within {STOP_S:g} s.")

    def __enter__(self) -> "Lab":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self) -> "Lab":
        from marskit.lab.formats import register

        register()
        self._runtime.start(partial(_build, self._settings), loop_factory=self._settings.loop_factory())
        return self

    def _run(self, cycles: int) -> None:
        self.ready()
        self._require_pace()
        self._by_phases = False
        before = self._watch.count(ApprovalAwaited)
        self._tell(Run(cycles), "The run")
        self._wait(
            lambda state: (
                self._watch.count(ApprovalAwaited) > before or (not state.running and self._rests(state))
            ),
            "A cycle of the run",
        )

    def _require_pace(self) -> None:
        """Undo the pace of `start`; while a plan awaits a person, the twin's time must not race."""
        wanted = LIVE_PACE if self._pace is None and self.state.mode is Mode.APPROVE else self._pace
        if self._settings.is_simulated and self.state.pace != wanted:
            self._tell(SetPace(wanted), "The change of the pace")

    def _is_waiting(self, state: State) -> bool:
        return state.cycle is not None and state.cycle.awaiting_approval

    def _run_id(self) -> str:
        self._watch.require_other_thread()
        if self.state.started is None:
            self.ready()
        assert self.state.started is not None
        return self.state.started.run


def checked_planner(planner: str | type[Planner]) -> str:
    """The planner's name; none of its code is imported.

    Raises:
        UserError: There is no such planner.
    """
    from marskit.agents.registry import parse_name

    name = planner_name(planner)
    parse_name(name)
    return name


def dashboard(shown: object, *panels: str) -> Any:
    """The widgets for a lab or a replay.

    Raises:
        LabError: The extra `notebook` is not installed.
    """
    try:
        widgets = import_module("marskit.widgets")
        return widgets.Dashboard(shown, *panels)
    except ModuleNotFoundError as error:
        raise LabError(
            f"The panels need the extra notebook ({error.name} is missing): pip install 'marskit[notebook]'."
        ) from error


async def _build(settings: Settings) -> Controller:
    from marskit.assembly.bootstrap import build

    return await build(settings)


def _produced(state: State) -> Done:
    """What the phase that has just ended produced."""
    cycle = state.cycle
    assert cycle is not None
    produced: Done | None = None
    match cycle.phase:
        case Phase.MONITOR:
            produced = cycle.observation
        case Phase.ANALYSE:
            produced = cycle.diagnosis
        case Phase.PLAN:
            produced = cycle.plan
        case Phase.EXECUTE:
            produced = cycle.plan if cycle.awaiting_approval else executions_of(state)
        case Phase.KNOWLEDGE:
            produced = state.cycles[-1]
    assert produced is not None
    return produced
