"""A lab: one run, driven step by step from a notebook or a script."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from marskit.assembly.settings import Settings
from marskit.controller.controller import Controller
from marskit.controller.runtime import Runtime
from marskit.demo import DEMO_MANIFESTS
from marskit.domain.records import Mode
from marskit.lab.inputs import (
    LabError,
    Paths,
    as_mode,
    checked_planner,
    dashboard,
    mesh_name,
    paths,
    runs_folder,
)
from marskit.lab.named import forget, replace_named
from marskit.lab.turns import Turns
from marskit.load.scenario import find_scenario
from marskit.plugins.base import Planner
from marskit.views.summary import summary_view

if TYPE_CHECKING:
    import polars as pl

    from marskit.lab.report import Report
    from marskit.pictures.bundle import Bundle

STOP_S = 20.0
"""Longest wait for the end of a run, in seconds."""


class Lab(Turns):
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

    def frame(self, table: str = "cycles") -> "pl.DataFrame":
        """A table of this run as a Polars frame; every completed cycle is in it.

        >>> import marskit as mk
        >>> with mk.Lab("twin") as lab:
        ...     cycles = lab.run(3)
        >>> lab.frame("workloads").filter(workload="payments")["cycle"].to_list()
        [1, 2, 3]

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

    def show(
        self, *panels: str, pause_after_s: float | None = None, close_after_s: float | None = None
    ) -> Any:
        """A live dashboard of this lab, or only the panels that are named; needs the extra `notebook`.

        When no page shows it any more, the run is paused after `pause_after_s` seconds (60 if not given), and
        the lab is closed after `close_after_s` (600); `float("inf")` is never.
        """
        return dashboard(self, *panels, pause_after_s=pause_after_s, close_after_s=close_after_s)

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

    def __repr__(self) -> str:
        view = summary_view(self.state)
        mesh, planner = view.mesh or self._settings.mesh, view.planner or self._settings.planner
        return f"Lab on {mesh}, {planner}: {view.activity}"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> "Bundle":
        from marskit.lab.formats import state_bundle

        return state_bundle(self.state)

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

    def _run_id(self) -> str:
        self._watch.require_other_thread()
        if self.state.started is None:
            self.ready()
        assert self.state.started is not None
        return self.state.started.run


async def _build(settings: Settings) -> Controller:
    from marskit.assembly.bootstrap import build

    return await build(settings)
