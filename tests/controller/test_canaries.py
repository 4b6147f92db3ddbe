"""What becomes of a bad canary, in the twin's virtual time."""

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
from marskit.domain.actions import Action, ShiftTraffic
from marskit.domain.commands import Act, Approve, Command, Inject, Reject, Undo
from marskit.domain.diagnosis import Diagnosis, Severity, Symptom, SymptomKind
from marskit.domain.events import Event, Noticed
from marskit.domain.faults import ClearFaults, Delay, Fault, InjectErrors
from marskit.domain.loop_events import ApprovalAwaited, CycleCompleted
from marskit.domain.plan import Candidate, Plan
from marskit.domain.records import Mode, Origin, Outcome
from marskit.planning import PlanningView
from marskit.timing.virtual_loop import VirtualLoop
from tests.controller.told import Told
from tests.paths import ROOT

CANARY = Settings(
    mesh="twin",
    manifests=(ROOT / "k8s" / "base", ROOT / "examples" / "canary"),
    scenario="steady",
    planner="static",
    period_s=10.0,
    preview=False,
)
V2 = "recommendations-food-v2"
WITHOUT = ShiftTraffic("recommendations", 2, (("food", 100), ("food-v2", 0)))
WITH = ShiftTraffic("recommendations", 2, (("food", 90), ("food-v2", 10)))
BROKEN = 3
"""The cycle after which the canary is broken."""


@dataclass
class Stubborn:
    """Gives the canary its share in every cycle."""

    actions: tuple[Action, ...] = (WITH,)
    name: str = "static"
    summary: str = "Does what the test says."

    def reset(self, seed: int) -> None:
        pass

    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Plan:
        return Plan(self.name, (Candidate(self.actions, "told to"),), self.actions, "The test says so.")


class OfCanary(Told):
    """And what it tells of the canary."""

    def symptoms(self, cycle: int) -> list[Symptom]:
        found = self.cycles[cycle - 1].diagnosis.symptoms
        return [symptom for symptom in found if symptom.kind is SymptomKind.CANARY_REGRESSION]

    def share(self, cycle: int) -> float | None:
        edges = self.cycles[cycle - 1].observation.edges
        return next(edge.share_percent for edge in edges if edge.edge.workload == V2)

    def guard_notices(self) -> list[str]:
        return [e.sentence for e in self.events if isinstance(e, Noticed) and e.subject == "guard"]


def live(
    folder: Path,
    fault: Fault | None = None,
    *,
    cycles: int = 8,
    settings: Settings = CANARY,
    planner: Stubborn | None = None,
    react: Callable[[Event], Command | None] = lambda event: None,
) -> OfCanary:
    """Break the canary after a few cycles, and answer events with commands."""
    told = OfCanary()

    async def factory() -> Controller:
        made = await build(replace(settings, runs=folder))
        if planner is not None:
            made._loop._planner = planner  # the registry knows no planner as stubborn as this
        tasks = []

        def answer(event: Event) -> None:
            broken = isinstance(event, CycleCompleted) and event.cycle.id == BROKEN
            breaking = Inject(fault) if broken and fault is not None else None
            for command in (breaking, react(event)):
                if command is not None:
                    tasks.append(asyncio.ensure_future(made.handle(command)))

        made.bus.subscribe(answer)
        return made

    ending = run_headless(factory, told, cycles=cycles, loop_factory=partial(VirtualLoop, None))
    assert ending.exit_code == 0, ending.complaint
    return told


def after(cycle: int, command: Command) -> Callable[[Event], Command | None]:
    def react(event: Event) -> Command | None:
        return command if isinstance(event, CycleCompleted) and event.cycle.id == cycle else None

    return react


ERRORS = InjectErrors(V2, 30.0)


@pytest.mark.parametrize("fault", [ERRORS, Delay(V2, 100)], ids=["errors", "delay"])
@pytest.mark.parametrize("engine", ["requests", "fast"])
def test_a_bad_canary_is_found_told_and_has_no_traffic_soon(
    fault: Fault, engine: str, tmp_path: Path
) -> None:
    told = live(tmp_path, fault, settings=replace(CANARY, engine=engine))
    assert not any(told.symptoms(cycle) for cycle in range(1, BROKEN + 1))
    assert told.share(BROKEN) == pytest.approx(10, abs=6)
    (back,) = told.by_guard()
    assert (back.action, back.inverse, back.outcome) == (WITHOUT, WITH, Outcome.APPLIED)
    (cycle,) = [c for c in told.cycles if back in c.executions]
    assert cycle.id <= BROKEN + 2
    (symptom,) = told.symptoms(cycle.id)
    assert (symptom.subject, symptom.severity) == (V2, Severity.CRITICAL)
    ours, theirs, chance = symptom.evidence
    assert ours.value > ours.threshold >= theirs.value
    assert chance.value < chance.threshold
    assert min(ours.n, theirs.n) >= 20
    assert cycle.plan.planner == "guard"
    assert cycle.plan.reason == f"{symptom.sentence} Its traffic moves to recommendations-food."
    (notice,) = told.guard_notices()
    assert notice.startswith(symptom.sentence)
    # An observation covers two periods.
    assert told.share(8) == 0
    (held,) = told.symptoms(8)
    assert held.severity is Severity.WARNING
    assert held.sentence.startswith(f"{V2} is blocked because it was worse than its control: ")


def test_a_good_canary_keeps_its_traffic(tmp_path: Path) -> None:
    told = live(tmp_path, cycles=30)
    assert told.executions == []
    assert not any(told.symptoms(cycle.id) for cycle in told.cycles)


def test_a_canary_that_is_a_little_slower_is_left_alone(tmp_path: Path) -> None:
    assert live(tmp_path, Delay(V2, 8), cycles=20).executions == []


def test_trouble_that_both_share_accuses_neither(tmp_path: Path) -> None:
    also = after(BROKEN, Inject(InjectErrors("recommendations-food", 30.0)))
    assert live(tmp_path, ERRORS, react=also).by_guard() == []
    assert live(tmp_path, InjectErrors("orders", 20.0)).by_guard() == []


def test_no_planner_gives_it_traffic_again(tmp_path: Path) -> None:
    told = live(tmp_path, ERRORS, planner=Stubborn(), cycles=12)
    (back,) = told.by_guard()
    assert told.executions == [back]
    changes = told.cycles[-1].plan.shield
    assert [change.rule for change in changes] == ["canary"]
    assert changes[0].sentence.startswith(f"Canary blocked: {V2} failed ")


@pytest.mark.parametrize("how", ["act", "undo", "undo 1"])
def test_a_person_may_and_it_is_judged_anew(how: str, tmp_path: Path) -> None:
    commands: dict[str, Command] = {"act": Act(WITH), "undo": Undo(), "undo 1": Undo(1)}
    calls = {7: Inject(ClearFaults()), 8: commands[how]}

    def react(event: Event) -> Command | None:
        return calls.get(event.cycle.id) if isinstance(event, CycleCompleted) else None

    told = live(tmp_path, ERRORS, cycles=13, react=react)
    assert [e.outcome for e in told.executions] == [Outcome.APPLIED, Outcome.APPLIED]
    assert told.executions[1].action == WITH
    assert told.share(13) == pytest.approx(10, abs=6)
    assert told.symptoms(13) == []
    # If it is as bad as before, it is found again.
    del calls[7]
    again = live(tmp_path, ERRORS, cycles=13, react=react)
    assert [e.action for e in again.executions] == [WITHOUT, WITH, WITHOUT]


def test_without_the_guard_it_is_told_only(tmp_path: Path) -> None:
    told = live(tmp_path, ERRORS, settings=replace(CANARY, guard=False), planner=Stubborn())
    assert told.symptoms(6)
    assert (told.executions, told.guard_notices()) == ([], [])


@pytest.mark.parametrize("mode", [Mode.RECOMMEND, Mode.FREEZE])
def test_what_may_not_write_proposes_it(mode: Mode, tmp_path: Path) -> None:
    told = live(tmp_path, ERRORS, settings=replace(CANARY, mode=mode))
    proposed = told.by_guard()
    assert proposed
    assert {(e.action, e.outcome, e.reason) for e in proposed} == {
        (WITHOUT, Outcome.WITHHELD, f"mode {mode.value}")
    }
    assert told.share(8) == pytest.approx(10, abs=6)


def test_approved_it_is_done_and_rejected_it_is_left(tmp_path: Path) -> None:
    def on_approval(decide: type[Approve | Reject]) -> Callable[[Event], Command | None]:
        return lambda event: (
            decide(event.cycle, event.revision) if isinstance(event, ApprovalAwaited) else None
        )

    asking = replace(CANARY, mode=Mode.APPROVE)
    (done,) = live(tmp_path, ERRORS, settings=asking, react=on_approval(Approve)).by_guard()
    assert (done.action, done.outcome) == (WITHOUT, Outcome.APPLIED)
    told = live(tmp_path, ERRORS, settings=asking, react=on_approval(Reject), cycles=12)
    (kept,) = told.by_guard()
    assert (kept.outcome, kept.reason) == (Outcome.WITHHELD, "a person rejected it")
    (symptom,) = told.symptoms(12)
    assert symptom.severity is Severity.CRITICAL


def test_it_is_found_while_another_plan_waits_for_a_person(tmp_path: Path) -> None:
    awaited: dict[int, None] = {}
    more = ShiftTraffic("recommendations", 2, (("food", 80), ("food-v2", 20)))

    def react(event: Event) -> Command | None:
        if isinstance(event, ApprovalAwaited):
            is_new, awaited[event.cycle] = event.cycle not in awaited, None
            # The planner's first plan waits for ever; the canary is broken meanwhile.
            if len(awaited) == 1:
                return Inject(ERRORS) if is_new else None
            return Approve(event.cycle, event.revision)
        return None

    asking = replace(CANARY, mode=Mode.APPROVE)
    told = live(tmp_path, settings=asking, planner=Stubborn((more,)), react=react, cycles=3)
    first, second = told.executions[:2]
    assert (first.action, first.reason) == (more, "a rollback takes precedence")
    assert (second.origin, second.action, second.outcome) == (Origin.GUARD, WITHOUT, Outcome.APPLIED)
