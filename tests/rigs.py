"""A controller over fakes that runs in real time, for whatever lives around it."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from marskit.controller.controller import Controller
from marskit.controller.parameters import RunParameters
from marskit.domain.actions import Action
from marskit.knowledge.storage.store import new_run
from marskit.knowledge.write.parquet import ParquetKnowledge
from marskit.mapek.plan.shield import Shield, ShieldLimits
from marskit.mesh.port import MeshError
from marskit.planning import Planner
from marskit.timing.clock import LoopClock
from tests.fakes import GOALS, FakeKnowledge, FakeLoad, FakeMesh, FakePlanner


class RealTimeRig:
    """Builds the controller and keeps what a test wants to look at; stores its cycles in `runs` if given."""

    def __init__(
        self,
        *,
        script: Sequence[tuple[Action, ...]] = (),
        runs: Path | None = None,
        make_planner: Callable[[str], Planner] | None = None,
    ) -> None:
        self.script = script
        self.make_planner = make_planner or (lambda name: FakePlanner(self.script, name=name))
        self.runs = runs
        self.calls: list[str] = []
        self.fail_start: MeshError | None = None
        self.fail_build: Exception | None = None
        self.thread: threading.Thread | None = None

    async def build(self) -> Controller:
        if self.fail_build is not None:
            raise self.fail_build
        self.thread = threading.current_thread()
        clock = LoopClock()
        load = FakeLoad(clock, calls=self.calls)
        mesh = FakeMesh(clock, load, calls=self.calls, fail_start=self.fail_start)
        parameters = RunParameters(
            run=new_run(self.runs) if self.runs else "run",
            seed=1,
            goals=GOALS,
            make_planner=self.make_planner,
            planners=("scripted",),
            planner="scripted",
            period_s=0.05,
            sample_period_s=0.02,
        )
        knowledge = ParquetKnowledge(self.runs) if self.runs else FakeKnowledge(calls=self.calls)
        return Controller(mesh, load, knowledge, parameters, shield=Shield(ShieldLimits()), clock=clock)
