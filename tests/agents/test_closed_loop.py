"""Planner, shield and all phases against a load that jumps to two and a half times itself."""

from dataclasses import dataclass, field

import pytest

from marskit.agents.registry import make_planner
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.records import Execution, Origin
from marskit.mapek.analyse.analyse import analyse
from marskit.mapek.execute.execute import execute
from marskit.mapek.monitor.monitor import Monitor
from marskit.mapek.plan.plan import shielded
from marskit.mapek.plan.shield import Shield, ShieldLimits
from marskit.planning import PlanningView
from tests.agents.context import demo_context
from tests.agents.fluid import FluidMesh
from tests.mapek.mesh import GOALS, TOPOLOGY

SPEED = 30.0
PERIOD_S = 1.0
SAMPLE_S = 0.5
WINDOW_S = 3.0
CALM, JUMP_S, CALM_AGAIN_S, END_S = 20.0, 10.0, 40.0, 90.0
"""Requests per second, and real seconds: payments alone is short of capacity at 2.5 times the calm load."""


@dataclass
class Story:
    """What happened, cycle by cycle."""

    diagnoses: dict[float, Diagnosis] = field(default_factory=dict)
    replicas: dict[float, int] = field(default_factory=dict)
    executions: list[Execution] = field(default_factory=list)

    def violated_s(self, from_s: float, to_s: float) -> float:
        return sum(
            PERIOD_S for at_s, d in self.diagnoses.items() if from_s <= at_s < to_s and d.slo_met is False
        )


class VirtualClock:
    def __init__(self, mesh: FluidMesh) -> None:
        self._mesh = mesh

    def now(self) -> float:
        return self._mesh.now_s

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing waits in this test")


async def live_through(planner_name: str) -> Story:
    mesh = FluidMesh(lambda now_s: CALM * 2.5 if JUMP_S <= now_s < CALM_AGAIN_S else CALM)
    monitor, shield = Monitor(TOPOLOGY, GOALS, WINDOW_S), Shield(ShieldLimits())
    planner, clock, story = make_planner(planner_name, demo_context()), VirtualClock(mesh), Story()
    for tick in range(1, int(END_S / SAMPLE_S) + 1):
        mesh.now_s = tick * SAMPLE_S
        monitor.add(await mesh.sample())
        if tick % int(PERIOD_S / SAMPLE_S):
            continue
        observation = monitor.observe(mesh.configuration, None)
        diagnosis = analyse(
            observation,
            topology=TOPOLOGY,
            goals=GOALS,
            configuration=mesh.configuration,
            actions=0,
            period_s=PERIOD_S,
        )
        view = PlanningView(
            mesh.now_s, SPEED, TOPOLOGY, mesh.configuration, GOALS, observation, recent=(), cycles=()
        )
        plan = shielded(planner.plan(diagnosis, view), shield, view, story.executions)
        for action in plan.actions:
            number = len(story.executions) + 1
            story.executions.append(
                await execute(mesh, action, id=number, origin=Origin.PLANNER, clock=clock)
            )
        story.diagnoses[mesh.now_s] = diagnosis
        story.replicas[mesh.now_s] = sum(count for _, count in mesh.configuration.replicas)
    return story


async def test_without_adaptation_the_objective_stays_violated_while_the_load_lasts() -> None:
    story = await live_through("static")
    assert story.executions == []
    assert story.violated_s(0.0, JUMP_S) == 0.0
    assert story.violated_s(JUMP_S + 5.0, CALM_AGAIN_S) == CALM_AGAIN_S - JUMP_S - 5.0


@pytest.mark.parametrize("name", ["threshold", "hpa"])
async def test_an_adapting_planner_recovers_and_gives_back_what_it_took(name: str) -> None:
    static, story = await live_through("static"), await live_through(name)
    assert story.violated_s(0.0, JUMP_S) == 0.0
    assert story.violated_s(CALM_AGAIN_S - 15.0, CALM_AGAIN_S) == 0.0
    assert story.violated_s(0.0, END_S) < static.violated_s(0.0, END_S) / 2
    assert story.replicas[CALM_AGAIN_S - 1.0] > story.replicas[JUMP_S - 1.0]
    assert story.replicas[END_S] < story.replicas[CALM_AGAIN_S - 1.0]


@pytest.mark.parametrize("name", ["threshold", "hpa"])
async def test_the_bottleneck_is_named_while_it_lasts(name: str) -> None:
    story = await live_through(name)
    blamed = {d.bottleneck for d in story.diagnoses.values() if d.slo_met is False}
    assert blamed == {"payments"}


@pytest.mark.parametrize("name", ["static", "threshold", "hpa"])
async def test_the_same_run_twice_is_the_same(name: str) -> None:
    assert await live_through(name) == await live_through(name)
