"""The guard against planners that make things worse, in the twin's virtual time."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from marskit.assembly.bootstrap import build
from marskit.assembly.settings import Settings
from marskit.controller.batch import run_headless
from marskit.controller.controller import Controller
from marskit.domain.actions import Action, Scale
from marskit.domain.commands import Approve, Command, Inject, SetLoadFactor, SetMode, Undo
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.events import Event, Noticed
from marskit.domain.faults import SlowDown
from marskit.domain.loop_events import ApprovalAwaited, CycleCompleted
from marskit.domain.plan import Candidate, Plan
from marskit.domain.records import Mode, Origin, Outcome
from marskit.mapek.plan.shield import Shield, ShieldLimits
from marskit.planning import PlanningView
from marskit.timing.virtual_loop import VirtualLoop
from tests.controller.told import Told

STEADY = Settings(mesh="twin", scenario="steady", planner="static")
RUSH = 2.0
"""So many times the scenario's own load, from the first cycle on: too much for one replica of payments."""
RECKLESS = ShieldLimits(safe_utilisation=100.0)
"""A shield that lets a planner take away what is needed; the shipped one would not."""


@dataclass
class Scripted:
    """Plans what it is told to, cycle by cycle."""

    plans: dict[int, tuple[Action, ...]]
    name: str = "static"
    summary: str = "Does what the test says."

    def reset(self, seed: int) -> None:
        pass

    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Plan:
        actions = self.plans.get(view.cycles[-1].id + 1, ())
        return Plan(self.name, (Candidate(actions, "told to"),), actions, "The test says so.")


def live(
    plans: dict[int, tuple[Action, ...]],
    folder: Path,
    *,
    cycles: int = 16,
    settings: Settings = STEADY,
    react: Callable[[Event], Command | None] = lambda event: None,
) -> Told:
    """Run a scripted planner under a steady load, and answer events with commands."""
    told = Told()

    async def factory() -> Controller:
        made = await build(replace(settings, runs=folder))
        planner, shield = Scripted(plans), Shield(RECKLESS)
        made._loop._planner = planner  # the registry knows no planner as bad as this
        for part in (made._loop, made._loop._decider, made._commands):
            part._shield = shield
        tasks = []

        def answer(event: Event) -> None:
            rush = isinstance(event, CycleCompleted) and event.cycle.id == 1
            command = SetLoadFactor(RUSH) if rush else react(event)
            if command is not None:
                tasks.append(asyncio.ensure_future(made.handle(command)))

        made.bus.subscribe(answer)
        return made

    ending = run_headless(factory, told, cycles=cycles, loop_factory=partial(VirtualLoop, None))
    assert ending.exit_code == 0, ending.complaint
    return told


BAD: dict[int, tuple[Action, ...]] = {6: (Scale("payments", 1),)}


def test_what_made_things_worse_is_taken_back_and_told(tmp_path: Path) -> None:
    told = live(BAD, tmp_path)
    (bad,) = [e for e in told.executions if e.origin is Origin.PLANNER]
    (back,) = told.by_guard()
    assert back.outcome is Outcome.APPLIED
    assert back.action == bad.inverse == Scale("payments", 2)
    (cycle,) = [c for c in told.cycles if back in c.executions]
    assert cycle.plan.planner == "guard"
    assert cycle.plan.reason.startswith("After “scale payments to 1” ")
    assert cycle.plan.reason.endswith("at about the same load. It is rolled back.")
    assert cycle.plan.prediction is not None
    assert [n.subject for n in told.events if isinstance(n, Noticed) and n.subject == "guard"] == ["guard"]
    assert told.cycles[-1].diagnosis.slo_met is True


def test_without_the_guard_it_stays(tmp_path: Path) -> None:
    told = live(BAD, tmp_path, settings=replace(STEADY, guard=False))
    assert told.by_guard() == []
    assert told.cycles[-1].diagnosis.slo_met is False


def test_all_of_a_plan_is_taken_back_at_once(tmp_path: Path) -> None:
    told = live({6: (Scale("payments", 1), Scale("orders", 1))}, tmp_path)
    assert [e.action for e in told.by_guard()] == [Scale("orders", 2), Scale("payments", 2)]


def test_nothing_is_taken_back_twice_nor_is_the_guard_itself(tmp_path: Path) -> None:
    told = live(BAD, tmp_path, cycles=40)
    assert len(told.by_guard()) == 1


@pytest.mark.parametrize("also", [Inject(SlowDown("orders", 1.1)), Undo()], ids=["fault", "person"])
def test_what_something_else_may_have_caused_is_left_alone(tmp_path: Path, also: Command) -> None:
    def react(event: Event) -> Command | None:
        return also if isinstance(event, CycleCompleted) and event.cycle.id == 7 else None

    assert live(BAD, tmp_path, react=react).by_guard() == []


def test_another_action_in_between_leaves_it_alone(tmp_path: Path) -> None:
    assert live(BAD | {7: (Scale("recommendations-food", 3),)}, tmp_path).by_guard() == []


def test_recommend_only_proposes_it(tmp_path: Path) -> None:
    def react(event: Event) -> Command | None:
        done = isinstance(event, CycleCompleted) and event.cycle.id == 6
        return SetMode(Mode.RECOMMEND) if done else None

    told = live(BAD, tmp_path, react=react)
    (proposed,) = told.by_guard()
    assert (proposed.action, proposed.outcome) == (Scale("payments", 2), Outcome.WITHHELD)
    assert proposed.reason == "mode recommend"


def test_it_goes_on_while_a_plan_waits_and_its_own_is_put_before_it(tmp_path: Path) -> None:
    awaited: dict[int, None] = {}

    def react(event: Event) -> Command | None:
        if isinstance(event, ApprovalAwaited):
            awaited[event.cycle] = None
            # The person approves the bad plan, leaves the next one alone, and approves the guard's.
            return None if len(awaited) == 2 else Approve(event.cycle, event.revision)
        return None

    plans = BAD | {7: (Scale("recommendations-food", 3),)}
    told = live(plans, tmp_path, settings=replace(STEADY, mode=Mode.APPROVE), react=react, cycles=10)
    waiting = next(e for e in told.executions if e.action == Scale("recommendations-food", 3))
    assert (waiting.outcome, waiting.reason) == (Outcome.WITHHELD, "a rollback takes precedence")
    (back,) = told.by_guard()
    assert (back.action, back.outcome) == (Scale("payments", 2), Outcome.APPLIED)


@pytest.mark.parametrize("scenario", ["spike", "on-off"])
@pytest.mark.parametrize("planner", ["threshold", "hpa", "demand", "lookahead"])
def test_shipped_planners_are_left_alone(planner: str, scenario: str, tmp_path: Path) -> None:
    settings = Settings(mesh="twin", planner=planner, scenario=scenario, runs=tmp_path)
    told = Told()
    run_headless(partial(build, settings), told, cycles=40, loop_factory=partial(VirtualLoop, None))
    assert any(e.outcome is Outcome.APPLIED for e in told.executions)
    assert told.by_guard() == []
