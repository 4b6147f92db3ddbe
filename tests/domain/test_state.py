"""The fold is total: any events, in any order, make a state."""

from dataclasses import fields, replace
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from marskit.domain.actions import Scale
from marskit.domain.baselines import Baselines
from marskit.domain.config import Configuration
from marskit.domain.diagnosis import Diagnosis, Severity
from marskit.domain.events import (
    BaselinesLoaded,
    ConfigurationChanged,
    Event,
    FaultEnded,
    FaultInjected,
    LoadFactorChanged,
    LoadLost,
    LoadRestored,
    MeshReady,
    Noticed,
    Observed,
    Progressed,
    Recalibrated,
    RunEnded,
    RunStarted,
    ScenarioChanged,
    ScenarioInfo,
    Source,
    TelemetryLost,
    TelemetryRestored,
)
from marskit.domain.faults import ClearFaults, Delay, Fault, HangReplica, InjectErrors, KillReplica, SlowDown
from marskit.domain.goals import Goals, Utility
from marskit.domain.loop_events import (
    Analysed,
    ApprovalAwaited,
    CycleCompleted,
    CycleNotStored,
    Executed,
    ExecuteEnded,
    LookedAgain,
    ModeChanged,
    Monitored,
    PaceChanged,
    PhaseStarted,
    PlanDecided,
    Planned,
    PlannerChanged,
    Replanned,
    RunningChanged,
    TimeHeld,
)
from marskit.domain.metrics import ConfigGeneration
from marskit.domain.observation import Observation
from marskit.domain.plan import Plan
from marskit.domain.records import Cycle, Execution, Mode, Origin, Outcome, Phase
from marskit.domain.state import HISTORY, RECENT, State, apply, fold
from marskit.domain.topology import Topology
from tests.fakes import CAPABILITIES

CONFIGURATION = Configuration((("payments", 1),), (), ())
SCENARIO = ScenarioInfo("steady", "Steady", 60.0, 1.0, ((0.0, 10.0),))
STARTED = RunStarted(
    "run-1", "envoy", 1, "static", ("static",), Mode.AUTO, 1.0, Topology("demo", (), (), ()), CONFIGURATION,
    Goals(()), SCENARIO, ("steady",), CAPABILITIES,
)  # fmt: skip
OBSERVATION = Observation(1.0, 1.0, (), (), (), None, ConfigGeneration())
DIAGNOSIS = Diagnosis((), (), None, Utility(0, 0, 0, 0, 0), "All is well.")
PLAN = Plan("static", (), (), "Nothing to do.")

times = st.floats(0.0, 1e6)
ids = st.integers(1, 5)
faults: st.SearchStrategy[Fault] = st.one_of(
    st.builds(KillReplica, st.sampled_from("ab")),
    st.builds(HangReplica, st.sampled_from("ab")),
    st.builds(SlowDown, st.sampled_from("ab"), st.floats(1, 10)),
    st.builds(InjectErrors, st.sampled_from("ab"), st.floats(0, 100)),
    st.builds(Delay, st.sampled_from("ab"), st.integers(0, 1000)),
    st.just(ClearFaults()),
)
observations = st.builds(replace, st.just(OBSERVATION), at_s=times)


def execution(number: int, at_s: float) -> Execution:
    action = Scale("payments", number)
    return Execution(number, Origin.PLANNER, action, "", "", None, None, Outcome.APPLIED, "", at_s)


def cycle(number: int, at_s: float) -> Cycle:
    return Cycle(
        number, at_s, at_s + 1.0, Mode.AUTO, "static", OBSERVATION, DIAGNOSIS, PLAN, (), (), cpu_ms=1.0
    )


BY_KIND: dict[type[Event], st.SearchStrategy[Event]] = {
    RunStarted: st.just(STARTED),
    Progressed: st.builds(Progressed, times, st.text(), st.text()),
    MeshReady: st.builds(MeshReady, times, st.text()),
    Observed: st.builds(Observed, observations),
    PhaseStarted: st.builds(PhaseStarted, times, ids, st.sampled_from(Phase)),
    Monitored: st.builds(Monitored, times, ids, observations),
    Analysed: st.builds(Analysed, times, ids, st.just(DIAGNOSIS)),
    Planned: st.builds(Planned, times, ids, st.just(PLAN)),
    ApprovalAwaited: st.builds(ApprovalAwaited, times, ids, ids),
    LookedAgain: st.builds(LookedAgain, times, ids, st.just(DIAGNOSIS)),
    Replanned: st.builds(
        Replanned, times, ids, ids, st.text(), observations, st.just(DIAGNOSIS), st.just(PLAN), st.just(PLAN)
    ),
    PlanDecided: st.builds(PlanDecided, times, ids, ids, st.booleans(), st.booleans(), st.text()),
    LoadFactorChanged: st.builds(LoadFactorChanged, times, st.floats(0.1, 10)),
    Executed: st.builds(Executed, st.builds(execution, ids, times), st.just(CONFIGURATION)),
    ExecuteEnded: st.builds(ExecuteEnded, times, ids),
    CycleCompleted: st.builds(CycleCompleted, st.builds(cycle, ids, times)),
    RunningChanged: st.builds(RunningChanged, times, st.booleans()),
    TimeHeld: st.builds(TimeHeld, times, st.booleans()),
    PaceChanged: st.builds(PaceChanged, times, st.none() | st.floats(0.1, 1000)),
    ModeChanged: st.builds(ModeChanged, times, st.sampled_from(Mode)),
    PlannerChanged: st.builds(PlannerChanged, times, st.text()),
    ScenarioChanged: st.builds(ScenarioChanged, times, st.just(SCENARIO)),
    FaultInjected: st.builds(FaultInjected, times, faults),
    FaultEnded: st.builds(FaultEnded, times, st.builds(HangReplica, st.sampled_from("ab"))),
    ConfigurationChanged: st.builds(
        ConfigurationChanged, times, st.just(("payments",)), st.text(), st.just(CONFIGURATION)
    ),
    TelemetryLost: st.builds(TelemetryLost, times, st.sampled_from(Source), times, st.text()),
    TelemetryRestored: st.builds(TelemetryRestored, times, st.sampled_from(Source), times, st.text()),
    LoadLost: st.builds(LoadLost, times, st.text()),
    LoadRestored: st.builds(LoadRestored, times, ids, st.text()),
    CycleNotStored: st.builds(CycleNotStored, times, ids, st.text()),
    BaselinesLoaded: st.builds(BaselinesLoaded, times, st.just(Baselines(()))),
    Recalibrated: st.builds(
        Recalibrated, times, ids, st.text(), times, times, card=st.text(), sentence=st.text()
    ),
    Noticed: st.builds(Noticed, times, st.sampled_from(Severity), st.text(), st.text()),
    RunEnded: st.builds(RunEnded, times, st.none() | st.text()),
}
events = st.one_of(*BY_KIND.values())


def test_every_kind_of_event_is_tried() -> None:
    assert set(BY_KIND) == set(get_args(Event))


@given(st.lists(events, max_size=60))
def test_any_events_in_any_order_make_a_state(sequence: list[Event]) -> None:
    state = fold(sequence)
    assert all(hasattr(state, field.name) for field in fields(State))
    assert [e.id for e in state.executions] == sorted({e.id for e in state.executions})
    assert not any(isinstance(fault, KillReplica | ClearFaults) for fault in state.faults)
    # Only hangs add up: each stops one more replica.
    others = [fault for fault in state.faults if not isinstance(fault, HangReplica)]
    assert len({(type(fault), getattr(fault, "workload", None)) for fault in others}) == len(others)


@given(st.lists(events, max_size=20), st.lists(events, max_size=20))
def test_the_fold_may_be_done_in_parts(first: list[Event], then: list[Event]) -> None:
    assert fold(then, fold(first)) == fold([*first, *then])


@given(st.lists(events, max_size=20), events)
def test_applying_an_event_changes_no_earlier_state(sequence: list[Event], event: Event) -> None:
    before = fold(sequence)
    apply(before, event)
    assert before == fold(sequence)


@given(st.lists(events, max_size=20))
def test_a_new_run_starts_from_nothing(sequence: list[Event]) -> None:
    assert fold([*sequence, STARTED]) == fold([STARTED])


def test_what_is_kept_is_bounded() -> None:
    state = State()
    for number in range(1, 1000):
        at_s = float(number)
        for event in (
            Progressed(at_s, "envoy", ""),
            Observed(replace(OBSERVATION, at_s=at_s)),
            Executed(execution(number, at_s), CONFIGURATION),
            CycleCompleted(cycle(number, at_s)),
            FaultInjected(at_s, KillReplica("a")),
            Noticed(at_s, Severity.INFO, "a", "b"),
        ):
            state = apply(state, event)
    assert len(state.progress) == len(state.cycles) == len(state.notices) == len(state.fault_log) == RECENT
    assert len(state.history) == len(state.executions) == HISTORY
    assert state.cycles_done == 999
    assert state.history[-1].at_s == 999.0
    assert (state.executions[0].id, state.executions[-1].id) == (1000 - HISTORY, 999)


def test_a_later_execution_with_the_same_id_replaces_the_first() -> None:
    first, later = execution(1, 1.0), replace(execution(1, 1.0), effective_after_ms=900.0)
    state = fold([Executed(first, CONFIGURATION), Executed(execution(2, 2.0), CONFIGURATION)])
    assert apply(state, Executed(later, CONFIGURATION)).executions == (later, execution(2, 2.0))


def test_a_cycle_is_filled_phase_by_phase() -> None:
    state = fold(
        [
            PhaseStarted(1.0, 4, Phase.MONITOR),
            Monitored(1.1, 4, OBSERVATION),
            PhaseStarted(1.2, 4, Phase.ANALYSE),
            Analysed(1.3, 4, DIAGNOSIS),
            PhaseStarted(1.4, 4, Phase.PLAN),
        ]
    )
    assert state.cycle is not None
    assert (state.cycle.observation, state.cycle.diagnosis, state.cycle.plan) == (
        OBSERVATION,
        DIAGNOSIS,
        None,
    )
    assert (state.cycle.phase, state.cycle.phase_done) == (Phase.PLAN, False)
    state = fold([Planned(1.5, 4, PLAN), ApprovalAwaited(1.6, 4)], state)
    assert state.cycle is not None
    assert state.cycle.awaiting_approval
    state = apply(state, CycleCompleted(cycle(4, 1.0)))
    assert state.cycle is not None
    assert not state.cycle.awaiting_approval


def test_faults_in_force_are_those_not_taken_back() -> None:
    state = fold(
        FaultInjected(1.0, fault)
        for fault in (SlowDown("a", 2.0), KillReplica("a"), InjectErrors("a", 10.0), SlowDown("a", 4.0))
    )
    assert state.faults == (InjectErrors("a", 10.0), SlowDown("a", 4.0))
    assert len(state.fault_log) == 4
    assert apply(state, FaultInjected(2.0, ClearFaults())).faults == ()


def test_every_stopped_replica_is_a_fault_until_it_is_killed() -> None:
    hangs: list[Fault] = [HangReplica("a"), HangReplica("a"), HangReplica("b")]
    state = fold(FaultInjected(1.0, fault) for fault in (*hangs, KillReplica("a")))
    assert state.faults == (HangReplica("a"), HangReplica("b"))
    killed = fold([FaultInjected(2.0, KillReplica("a")), FaultInjected(3.0, KillReplica("a"))], state)
    assert killed.faults == (HangReplica("b"),)
    assert apply(killed, FaultEnded(4.0, HangReplica("b"))).faults == ()
    assert apply(killed, FaultEnded(4.0, HangReplica("a"))).faults == killed.faults
