"""A run of the twin is left at a cycle: its control repeats it, and another planner does otherwise."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from marskit.assembly.settings import Settings
from marskit.branching.course import branch
from marskit.branching.past import BranchPoint, past
from marskit.domain.actions import Scale
from marskit.domain.commands import Act, Inject, SetLoadFactor
from marskit.domain.events import Event, FaultInjected, Noticed, Observed, RunStarted
from marskit.domain.faults import ClearFaults, KillReplica, SlowDown
from marskit.domain.loop_events import CycleCompleted, Executed
from marskit.domain.records import Origin, Outcome
from marskit.knowledge.read.runs import find_run, load_run
from marskit.replay.branched import AS_RECORDED, Branched, ReplayError
from marskit.replay.timeline import Timeline
from marskit.text import plural
from tests.replay.runs import twin_run

CYCLES = 14
"""The spike of the load and what is done about it lie in them."""


@pytest.fixture(scope="module")
def timeline(tmp_path_factory: pytest.TempPathFactory) -> Timeline:
    return Timeline(twin_run(tmp_path_factory.mktemp("recorded"), cycles=CYCLES, seed=4).events)


@pytest.fixture(scope="module")
def branched(timeline: Timeline, tmp_path_factory: pytest.TempPathFactory) -> tuple[Branched, Path]:
    runs = tmp_path_factory.mktemp("branches")
    return branch(timeline, past(timeline, 5), "static", settings(runs)), runs


def settings(runs: Path) -> Settings:
    return Settings(mesh="twin", runs=runs, preview=False)


def test_the_control_of_a_run_of_the_twin_repeats_it(branched: tuple[Branched, Path]) -> None:
    found, _ = branched
    assert (found.cycle, found.at_s, found.end_s) == (5, 8.0, 2.0 * (CYCLES - 1))
    # The first window looks back at what was before; from there on it is the same to the last request.
    recorded, control = found.recorded.moments[1:], found.control.moments[1:]
    assert [m.at_s for m in recorded] == pytest.approx([m.at_s for m in control])
    assert [m.p95_ms for m in recorded] == pytest.approx([m.p95_ms for m in control])
    assert [m.replicas_ready for m in recorded] == [m.replicas_ready for m in control]
    assert [m.violated for m in recorded] == [m.violated for m in control]
    assert found.recorded.headline == found.control.headline
    assert found.recorded.headline.actions > 0
    assert found.notes == ()


def test_another_planner_makes_something_else_of_it(branched: tuple[Branched, Path]) -> None:
    found, _ = branched
    assert found.branch.headline.actions == 0
    assert {m.replicas_ready for m in found.branch.moments} == {8}
    # What never scales misses its objective for longer than what does.
    assert found.branch.headline.violation_minutes > found.recorded.headline.violation_minutes
    assert found.branch.headline.replica_minutes < found.recorded.headline.replica_minutes
    assert (found.service, found.slo_ms) == ("orders", 300.0)


def test_both_are_runs_of_their_own_that_name_their_parent(
    branched: tuple[Branched, Path], timeline: Timeline
) -> None:
    found, runs = branched
    assert timeline.started is not None
    for side, planner in ((found.branch, "static"), (found.control, AS_RECORDED)):
        stored = load_run(runs, find_run(runs, side.run))
        parent = stored.started.parent
        assert parent is not None
        assert (parent.run, parent.cycle, parent.at_s) == (timeline.started.run, 5, 8.0)
        assert (stored.started.mesh, stored.started.planner) == ("twin", planner)
        assert stored.started.seed == timeline.started.seed
        assert [record.cycle.started_at_s for record in stored.records] == pytest.approx(
            [8.0 + 2.0 * n for n in range(CYCLES - 4)]
        )
        assert stored.records[0].cycle.observation.window_s > 0


def test_the_control_tells_who_had_acted(branched: tuple[Branched, Path]) -> None:
    found, runs = branched
    stored = load_run(runs, find_run(runs, found.control.run))
    executions = [e for record in stored.records for e in record.cycle.executions]
    assert executions
    assert {execution.origin for execution in executions} == {Origin.PLANNER}
    assert {execution.outcome for execution in executions} == {Outcome.APPLIED}


def test_fewer_cycles_may_be_asked_for(timeline: Timeline, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    found = branch(
        timeline,
        past(timeline, 5),
        "hpa",
        settings(tmp_path),
        cycles=3,
        progress=lambda planner, done, of: told.append((planner, done, of)),
    )
    assert [len(side.moments) for side in (found.recorded, found.control, found.branch)] == [3, 3, 3]
    assert found.end_s == 12.0
    assert told == [(planner, n, 3) for planner in ("hpa", AS_RECORDED) for n in (1, 2, 3)]


def test_a_late_branch_begins_warm(
    timeline: Timeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a long run: the twin begins shortly before the branch, and is in about the same state by then."""
    monkeypatch.setattr("marskit.branching.past.WARM_UP_S", 10.0)
    left = past(timeline, 10)
    assert left.warm_s == 8.0
    found = branch(timeline, left, "static", settings(tmp_path))
    for one, other in zip(found.recorded.moments, found.control.moments, strict=True):
        assert one.replicas_ready == other.replicas_ready
        assert one.p95_ms == pytest.approx(other.p95_ms, rel=0.25)


def with_outside(timeline: Timeline, *events: tuple[float, Event]) -> Timeline:
    """The recording with more events, each where its time is."""
    told = list(timeline.events)
    for at_s, event in events:
        place = next(n for n, _ in enumerate(told) if timeline.times_s[n + 1] > at_s)
        told.insert(place, event)
        timeline = Timeline(told)
    return timeline


def test_what_is_broken_stays_broken_and_what_breaks_later_breaks(timeline: Timeline, tmp_path: Path) -> None:
    broken = with_outside(
        timeline,
        (6.5, FaultInjected(6.5, SlowDown("payments", 3.0))),
        (13.0, FaultInjected(13.0, KillReplica("orders"))),
        (17.0, FaultInjected(17.0, ClearFaults())),
    )
    left = past(broken, 6)
    assert left.state.faults == (SlowDown("payments", 3.0),)
    assert left.outside == ((13.0, Inject(KillReplica("orders"))), (17.0, Inject(ClearFaults())))
    slow = branch(broken, left, "static", settings(tmp_path))
    plain = branch(timeline, past(timeline, 6), "static", settings(tmp_path))
    assert worst(slow) > worst(plain)
    stored = load_run(tmp_path, slow.branch.run)
    faults = [
        (incident.at_s, incident.fault)
        for record in stored.records
        for incident in record.incidents
        if isinstance(incident, FaultInjected)
    ]
    assert faults == [
        (10.0, SlowDown("payments", 3.0)),
        (13.0, KillReplica("orders")),
        (17.0, ClearFaults()),
    ]
    told = [i.sentence for r in stored.records for i in r.incidents if isinstance(i, Noticed)]
    assert "a replica of orders was killed and is restarting" in told


def worst(found: Branched) -> float:
    return max(m.p95_ms or 0.0 for m in found.branch.moments if m.at_s < 17.0)


def test_replicas_that_still_started_still_start(timeline: Timeline) -> None:
    scaled = next(e.execution for e in timeline.events if isinstance(e, Executed))
    assert isinstance(scaled.action, Scale)
    # Left while they came up: what was done just before is recalled at its time.
    cycle = next(n for n in timeline.cycles if timeline.times_s[timeline.begin_of(n) or 0] > scaled.at_s)
    left = past(timeline, cycle)
    assert (scaled.at_s, scaled.action) in left.changes
    assert left.warm_state.configuration != left.state.configuration


def test_replicas_that_are_slower_than_the_twins_are_not_ready_before_their_time(
    timeline: Timeline, tmp_path: Path
) -> None:
    scaled = next(e.execution for e in timeline.events if isinstance(e, Executed))
    assert isinstance(scaled.action, Scale)
    name = scaled.action.workload

    def slow(event: Event) -> Event:
        """As if only the replicas from before the first action had ever been ready."""
        if not isinstance(event, Observed) or event.observation.at_s <= scaled.at_s:
            return event
        workloads = tuple(
            replace(w, replicas_ready=2) if w.workload == name else w for w in event.observation.workloads
        )
        return Observed(replace(event.observation, workloads=workloads))

    slower = Timeline([slow(event) for event in timeline.events])
    cycle = next(
        n for n in timeline.cycles if timeline.times_s[timeline.begin_of(n) or 0] > scaled.at_s + 1.5
    )
    for told, ready in ((timeline, scaled.action.replicas), (slower, 2)):
        found = branch(told, past(told, cycle), "static", settings(tmp_path), cycles=2)
        stored = load_run(tmp_path, found.branch.run)
        seen = [record.cycle.observation.workload(name).replicas_ready for record in stored.records]
        assert seen == [ready, scaled.action.replicas]


def test_the_load_goes_on_where_it_was(timeline: Timeline) -> None:
    left = past(timeline, 7)
    assert (left.scenario, left.load_factor) == ("spike", 1.0)
    assert left.load_begun_s == pytest.approx(0.0, abs=1e-9)
    louder = [
        replace(e, observation=replace(e.observation, load=replace(e.observation.load, factor=2.0)))
        if isinstance(e, Observed) and e.observation.load and e.observation.at_s >= 15.0
        else e
        for e in timeline.events
    ]
    assert SetLoadFactor(2.0) in [command for _, command in past(Timeline(louder), 7).outside]
    after = past(Timeline(louder), 10)
    assert after.load_factor == 2.0
    assert after.warm_s == pytest.approx(15.0)


def test_what_persons_did_is_in_the_control_and_not_in_the_branch(timeline: Timeline, tmp_path: Path) -> None:
    byhand = Timeline(
        [
            replace(e, execution=replace(e.execution, origin=Origin.PERSON)) if isinstance(e, Executed) else e
            for e in timeline.events
        ]
    )
    left: BranchPoint = past(byhand, 5)
    assert left.by_persons == len(left.actions) > 0
    assert all(isinstance(c, Act) and c.origin is Origin.PERSON for _, c in left.actions)
    found = branch(byhand, left, "static", settings(tmp_path), cycles=4)
    assert found.notes == (
        f"The branch leaves out {plural(left.by_persons, 'manual action')} after that moment.",
    )


@pytest.mark.parametrize(
    ("change", "cycle", "sentence"),
    [
        (lambda e: e, 99, "has no cycle 99"),
        (lambda e: e, CYCLES, rf"has nothing after cycle {CYCLES} .* cycles 1 to {CYCLES - 1} can be"),
        # As of a run that was ended while its last cycle was under way.
        (
            lambda e: None if isinstance(e, CycleCompleted) and e.cycle.id == CYCLES else e,
            CYCLES - 1,
            rf"has nothing after cycle {CYCLES - 1} .* cycles 1 to {CYCLES - 2} can be",
        ),
        (
            lambda e: None if isinstance(e, CycleCompleted) and e.cycle.id > 1 else e,
            1,
            "no cycle of it can be branched from",
        ),
        (
            lambda e: None if isinstance(e, CycleCompleted) else e,
            1,
            "This recording has no cycle to branch from",
        ),
        (lambda e: e if not isinstance(e, Observed) else None, 5, "no load ran in it"),
        (
            lambda e: (
                replace(e, scenario=replace(e.scenario, name="my-own")) if isinstance(e, RunStarted) else e
            ),
            5,
            "its scenario 'my-own' is not one of the shipped ones",
        ),
        (
            lambda e: replace(e, scenario=replace(e.scenario, speed=3.0)) if isinstance(e, RunStarted) else e,
            5,
            "its scenario 'spike' has changed since",
        ),
        (
            lambda e: (
                replace(e, topology=replace(e.topology, namespace="shop")) if isinstance(e, RunStarted) else e
            ),
            5,
            "The manifests differ from those of run",
        ),
    ],
    ids=["cycle", "last", "unfinished", "one", "none", "load", "scenario", "changed", "manifests"],
)
def test_what_cannot_be_branched_is_one_sentence(
    timeline: Timeline, tmp_path: Path, change: Callable[[Event], Event | None], cycle: int, sentence: str
) -> None:
    events = [kept for event in timeline.events if (kept := change(event)) is not None]
    other = Timeline(events)

    def branched() -> Branched:
        return branch(other, past(other, cycle), "static", settings(tmp_path), cycles=2)

    with pytest.raises(ReplayError, match=sentence):
        branched()
    assert not list(tmp_path.glob("run=*"))
