"""Whole runs on the twin with planners that do what they must not: every one ends well and is stored."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from marskit.assembly.bootstrap import build
from marskit.assembly.settings import Settings
from marskit.domain.actions import Scale
from marskit.domain.commands import Run
from marskit.domain.events import Event, Noticed, RunEnded
from marskit.domain.loop_events import CycleCompleted
from marskit.domain.records import Cycle
from marskit.knowledge.care.checking import check_runs
from marskit.planning import NOT_REPRODUCIBLE
from marskit.plugins import foreign
from marskit.timing.virtual_loop import VirtualLoop
from tests.paths import ROOT
from tests.plugins.processes import escaped, left

HOSTILE = ROOT / "tests" / "plugins" / "hostile.py"
CYCLES = 5
TOLD = {
    "Raises": "raised KeyError: 'payments'",
    "Interrupts": "raised KeyboardInterrupt",
    "Exits": "called sys.exit(0)",
    "ExitsAtOnce": "ended its process with exit code 0",
    "Speaks": "returned 'scale everything'; None, an action, a list of actions or a Plan is allowed",
    "Maps": "returned {'payments': 4}; None, an action",
    "WrongFields": "returned 'abc' as Plan.candidates, where a tuple is allowed",
    "WrongNumber": "returned '4' as Scale.replicas, where a whole number is allowed",
    "NotANumber": "returned nan as Plan.candidates[0].score, where a finite number is allowed",
    "Huge": "returned 1000000 actions, where 1000 are allowed",
    "TooLarge": "as Scale.replicas, where a whole number of 64 bits is allowed",
    "Sleeps": "did not answer within 1 s",
    "Spins": "used more than 0.2 s of processor time",
    "Eats": "raised MemoryError",
    "Crashes": "was killed by SIGSEGV",
    "PrintsForEver": "",
    "ClosesItsPipes": "closed the connection that carries its answers",
    "WritesGarbage": "wrote something that is not an answer",
    "StartsMany": "started more than 64 processes",
    "Stops": "did not answer within 1 s",
    "Recurses": "raised RecursionError: maximum recursion depth exceeded",
}
"""What the sentence of a cycle in which it failed says it did."""
ASLEEP = ("Sleeps", "Stops")
WITHOUT_LINE = ("ClosesItsPipes", "StartsMany", "Stops")
"""Nobody can say where they were."""
KILLED = ("ExitsAtOnce", "Spins", "Crashes", "ClosesItsPipes", "WritesGarbage", "StartsMany", "PrintsForEver")
RESTARTED = (*KILLED, *ASLEEP)


class Ran:
    """A run of a few cycles on the twin, from its beginning to its end."""

    def __init__(self, settings: Settings, cycles: int = CYCLES) -> None:
        self.events: list[Event] = []
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(self._live(settings, cycles))

    async def _live(self, settings: Settings, cycles: int) -> None:
        controller = await build(settings)
        running = asyncio.ensure_future(controller.run())

        def note(event: Event) -> None:
            self.events.append(event)
            if isinstance(event, CycleCompleted) and len(self.cycles) == cycles:
                running.cancel()

        controller.bus.subscribe(note)
        await asyncio.sleep(0)
        await controller.handle(Run())
        with suppress(asyncio.CancelledError):
            await running

    @property
    def cycles(self) -> list[Cycle]:
        return [event.cycle for event in self.events if isinstance(event, CycleCompleted)]

    @property
    def notices(self) -> list[Noticed]:
        return [event for event in self.events if isinstance(event, Noticed)]


def settings(runs: Path, name: str, **more: object) -> Settings:
    usual = Settings(
        mesh="twin", planner=f"{HOSTILE}:{name}", runs=runs, preview=False, planner_deadline_s=0.2
    )
    return replace(usual, **more)  # type: ignore[arg-type] # passed through as they are


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock on the wall ends what uses no processor time sooner than it does by default."""
    monkeypatch.setattr(foreign, "WALL_LEAST_S", 1.0)
    monkeypatch.setattr(foreign, "WALL_FACTOR", 1.0)


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """Every test may start processes, and must not leave any."""
    yield
    assert not left()
    assert not escaped()


@pytest.mark.parametrize("name", TOLD)
def test_a_run_goes_on_without_what_fails_and_ends_well(
    tmp_path: Path, name: str, request: pytest.FixtureRequest
) -> None:
    if name in (*ASLEEP, "PrintsForEver"):
        request.getfixturevalue("impatient")
    ran = Ran(settings(tmp_path, name))
    assert [cycle.id for cycle in ran.cycles] == list(range(1, CYCLES + 1))
    ended = ran.events[-1]
    assert isinstance(ended, RunEnded)
    assert ended.reason is None
    # The first window is too short for a planner to be asked.
    failed = ran.cycles[1].plan
    assert (failed.proposed, failed.candidates, failed.actions) == ((), (), ())
    assert failed.planner == f"{HOSTILE}:{name}"
    assert failed.reason.startswith(f"The planner {name} ")
    assert TOLD[name] in failed.reason
    if name != "WritesGarbage":
        # Which may be on its way back when it is ended.
        assert ("hostile.py, line " in failed.reason) != (name in WITHOUT_LINE)
    told = [notice.sentence for notice in ran.notices]
    assert failed.reason in told
    assert (f"The planner {name} was restarted; what it remembered is lost." in told) == (name in RESTARTED)
    gives_up = [sentence for sentence in told if "is not asked again in this run" in sentence]
    assert len(gives_up) == (name in RESTARTED)
    if name != "PrintsForEver":
        assert any(n.subject == NOT_REPRODUCIBLE for n in ran.notices) == (name in ASLEEP)
    assert check_runs(tmp_path).problems == ()


@pytest.mark.parametrize("name", ["Forks", "ForksAndAnswersTwice", "Prints", "Good"])
def test_what_does_no_harm_is_carried_out(tmp_path: Path, name: str) -> None:
    ran = Ran(settings(tmp_path, name))
    assert [cycle.plan.reason[:7] for cycle in ran.cycles[1:]] == ["asked 1", "asked 2", "asked 3", "asked 4"]
    assert not [notice for notice in ran.notices if notice.subject == "planner"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "Unknown",
            "The planner Unknown proposed to scale nowhere; the workloads are orders, payments",
        ),
        ("UnknownSubset", "proposed weights for nowhere of recommendations[0], which splits between"),
    ],
)
def test_what_the_mesh_does_not_have_is_refused_before_it_is_recorded(
    tmp_path: Path, name: str, sentence: str
) -> None:
    ran = Ran(settings(tmp_path, name), cycles=2)
    assert sentence in ran.cycles[1].plan.reason.replace(str(HOSTILE) + ":", "")
    assert ran.cycles[1].plan.proposed == ()


def test_a_planner_cannot_pass_for_the_guard_nor_by_the_shield(tmp_path: Path) -> None:
    plan = Ran(settings(tmp_path, "Lies"), cycles=2).cycles[1].plan
    assert plan.planner == f"{HOSTILE}:Lies"
    assert [change.rule for change in plan.shield] == ["bounds"]
    assert plan.actions == (Scale("payments", 6),)


def test_what_a_planner_does_to_its_own_keeper_ends_nothing_else(tmp_path: Path) -> None:
    ran = Ran(settings(tmp_path, "KillsItsParent"))
    assert len(ran.cycles) == CYCLES
    assert any("lost its host process" in notice.sentence for notice in ran.notices)


def test_a_planner_may_also_analyse(tmp_path: Path) -> None:
    ran = Ran(settings(tmp_path, "Analyst"), cycles=3)
    assert {cycle.diagnosis.sentence for cycle in ran.cycles[1:]} == {"It is payments, as always."}
    assert ran.cycles[1].plan.proposed != ()


@pytest.mark.parametrize("name", ["RaisesInAnalyse", "SleepsInAnalyse"])
@pytest.mark.usefixtures("impatient")
def test_an_analysis_that_fails_leaves_the_built_in_one(tmp_path: Path, name: str) -> None:
    ran = Ran(settings(tmp_path, name))
    assert len(ran.cycles) == CYCLES
    assert all(cycle.diagnosis.sentence for cycle in ran.cycles)
    assert any("hostile.py, line " in notice.sentence for notice in ran.notices)


@pytest.mark.parametrize("name", ["Good", "Analyst"])
def test_two_runs_are_equal_and_equal_to_one_that_is_trusted(tmp_path: Path, name: str) -> None:

    def cycles(*, trusted: bool) -> list[Cycle]:
        ran = Ran(settings(tmp_path, name, trust_planner=trusted), cycles=12)
        return [replace(cycle, cpu_ms=0.0) for cycle in ran.cycles]

    foreign_run, again, trusted = cycles(trusted=False), cycles(trusted=False), cycles(trusted=True)
    assert foreign_run == again
    assert foreign_run == trusted
    assert any(cycle.executions for cycle in trusted)
