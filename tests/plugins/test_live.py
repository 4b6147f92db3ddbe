"""While a planner thinks, in real time: telemetry and commands go on, and so does the end."""

import time
from collections.abc import Callable
from itertools import pairwise
from queue import SimpleQueue

import pytest

from marskit.agents.sources import source_of
from marskit.controller.runtime import Runtime
from marskit.domain.commands import CommandError, Pause, Run, SetPlanner, StepCycle
from marskit.domain.events import Event, Noticed, Observed, RunEnded
from marskit.domain.loop_events import PhaseStarted, Planned, PlannerChanged
from marskit.domain.records import Phase
from marskit.planning import Planner
from marskit.plugins.foreign import ForeignPlanner, Limits
from marskit.plugins.process import Limit
from tests.fakes import FakePlanner
from tests.paths import ROOT
from tests.plugins.processes import left
from tests.rigs import RealTimeRig

HOSTILE = ROOT / "tests" / "plugins" / "hostile.py"
LIMITS = Limits(Limit(wall_s=1.0), load_s=20.0)


def make(name: str) -> Planner:
    source = source_of(name)
    return FakePlanner(name=name) if source is None else ForeignPlanner(source, name, 1, LIMITS)


class Live:
    """A run with one planner, over a fake mesh."""

    def __init__(self, planner: str) -> None:
        self.events: SimpleQueue[tuple[float, Event]] = SimpleQueue()
        self.seen: list[tuple[float, Event]] = []
        self.runtime = Runtime()
        self.runtime.subscribe(lambda event: self.events.put((time.monotonic(), event)))
        rig = RealTimeRig(
            make_planner=lambda name: make(f"{HOSTILE}:{planner}" if name == "scripted" else name)
        )
        self.runtime.start(rig.build)

    def until(self, wanted: Callable[[Event], bool], within_s: float = 30.0) -> Event:
        until_s = time.monotonic() + within_s
        while True:
            at_s, event = self.events.get(timeout=max(0.01, until_s - time.monotonic()))
            self.seen.append((at_s, event))
            if wanted(event):
                return event

    def planning(self) -> None:
        self.until(lambda event: isinstance(event, PhaseStarted) and event.phase is Phase.PLAN)

    def end(self) -> None:
        begun_s = time.monotonic()
        assert self.runtime.stop(10.0)
        assert time.monotonic() - begun_s < 5.0
        ended = self.until(lambda event: isinstance(event, RunEnded))
        assert isinstance(ended, RunEnded)
        assert ended.reason is None
        assert not left()


@pytest.mark.parametrize("name", ["Sleeps", "Spins"])
def test_telemetry_and_a_pause_do_not_wait_for_a_planner(name: str) -> None:
    live = Live(name)
    live.until(lambda event: isinstance(event, Observed))
    live.runtime.submit(Run()).result(10)
    live.planning()
    begun_s = time.monotonic()
    live.runtime.submit(Pause()).result(10)
    assert time.monotonic() - begun_s < 0.5
    planned = live.until(lambda event: isinstance(event, Planned))
    assert isinstance(planned, Planned)
    assert "did not answer within 1 s (tests/plugins/hostile.py, line " in planned.plan.reason
    observed = [at_s for at_s, event in live.seen if isinstance(event, Observed) and at_s >= begun_s]
    # One every 20 ms is asked for.
    assert len(observed) > 15
    assert max(b - a for a, b in pairwise(observed)) < 0.5
    live.end()


def test_a_run_ends_while_its_planner_thinks() -> None:
    live = Live("Sleeps")
    live.until(lambda event: isinstance(event, Observed))
    live.runtime.submit(StepCycle()).result(10)
    live.planning()
    live.end()


def test_another_planner_is_chosen_while_one_thinks() -> None:
    live = Live("Sleeps")
    live.until(lambda event: isinstance(event, Observed))
    live.runtime.submit(StepCycle()).result(10)
    live.planning()
    live.runtime.submit(SetPlanner("other")).result(10)
    planned = live.until(lambda event: isinstance(event, Planned))
    assert isinstance(planned, Planned)
    # The decision that was under way counts, and its planner is gone after it.
    assert planned.plan.planner == f"{HOSTILE}:Sleeps"
    live.runtime.submit(StepCycle()).result(10)
    planned = live.until(lambda event: isinstance(event, Planned))
    assert isinstance(planned, Planned)
    assert planned.plan.planner == "other"
    assert not left()
    live.end()


def test_one_that_is_not_asked_any_more_is_asked_again_when_it_is_chosen_again() -> None:
    live = Live("Crashes")
    name = f"{HOSTILE}:Crashes"
    live.until(lambda event: isinstance(event, Observed))
    live.runtime.submit(SetPlanner(name)).result(30)
    reasons = []
    for _ in range(5):
        live.runtime.submit(StepCycle()).result(10)
        planned = live.until(lambda event: isinstance(event, Planned))
        assert isinstance(planned, Planned)
        reasons.append(planned.plan.reason)
    assert ["SIGSEGV" in reason for reason in reasons] == [True] * 3 + [False] * 2
    assert "is not asked again in this run until it is chosen again" in reasons[3]
    live.runtime.submit(SetPlanner(name)).result(30)
    live.until(lambda event: isinstance(event, PlannerChanged) and event.planner == name)
    live.runtime.submit(StepCycle()).result(10)
    planned = live.until(lambda event: isinstance(event, Planned))
    assert isinstance(planned, Planned)
    assert "SIGSEGV" in planned.plan.reason
    told = [event.sentence for _, event in live.seen if isinstance(event, Noticed)]
    assert sum("is not asked again" in sentence for sentence in told) == 1
    live.end()


@pytest.mark.parametrize("name", ["ResetRaises", "Missing"])
def test_a_choice_that_cannot_be_loaded_is_refused_and_the_former_planner_goes_on(name: str) -> None:
    live = Live("Good")
    live.until(lambda event: isinstance(event, Observed))
    with pytest.raises(CommandError, match=f"The planner {name} cannot be loaded: "):
        live.runtime.submit(SetPlanner(f"{HOSTILE}:{name}")).result(30)
    live.runtime.submit(StepCycle()).result(10)
    planned = live.until(lambda event: isinstance(event, Planned))
    assert isinstance(planned, Planned)
    assert planned.plan.reason.startswith("asked 1: ")
    live.end()
