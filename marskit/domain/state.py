"""The whole state of a run as a fold of its events: live, in replay and in tests."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar, assert_never

from marskit.domain.config import Configuration
from marskit.domain.diagnosis import Diagnosis, Severity
from marskit.domain.events import (
    BaselinesLoaded,
    ConfigurationChanged,
    Deed,
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
    TelemetryLost,
    TelemetryRestored,
)
from marskit.domain.faults import ClearFaults, Fault, HangReplica, KillReplica
from marskit.domain.load import LoadSample, LoadStatus
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
from marskit.domain.observation import Observation
from marskit.domain.plan import Draft, Plan
from marskit.domain.records import Cycle, Execution, Mode, Phase
from marskit.domain.shortfall import BEGUN, Account

HISTORY = 600
"""Number of observations kept: five minutes at two per second."""
SENT_POINTS = 400
"""Number of points kept of the actual rate over one scenario, however long it is."""
RECENT = 50
"""Number of cycles, notices and progress steps kept."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CycleInProgress:
    """The cycle under way, filled phase by phase."""

    id: int
    phase: Phase
    """The phase under way, or the last one done while the loop is paused between two."""
    phase_done: bool = False
    observation: Observation | None = None
    diagnosis: Diagnosis | None = None
    plan: Plan | None = None
    ended_s: tuple[tuple[Phase, float], ...] = ()
    """When the phases that are done ended."""
    revision: int = 1
    """Number of the plan within the cycle, from 1."""
    awaiting_approval: bool = False
    drafts: tuple[Draft, ...] = ()
    """What the actions of the plan that awaits approval would do."""
    replaced_because: str = ""
    """Why the plan before this one was replaced."""
    looked_at_s: float | None = None
    """When the present was last analysed while the plan awaited approval."""
    present: Diagnosis | None = None
    """What was found then."""

    def ended_at_s(self, phase: Phase) -> float | None:
        """When that phase ended; None if it has not."""
        return next((at_s for each, at_s in self.ended_s if each is phase), None)


@dataclass(frozen=True, slots=True)
class State:
    """Everything the screens show."""

    started: RunStarted | None = None
    configuration: Configuration | None = None
    mode: Mode = Mode.AUTO
    planner: str = ""
    running: bool = False
    held: bool = False
    """Whether the mesh's time stands still."""
    pace: float | None = None
    """Seconds of the mesh's time per real second, at most; None is as fast as possible."""
    now_s: float = 0.0
    """The latest time in any event."""
    gateway_url: str | None = None
    progress: tuple[Progressed, ...] = ()
    observation: Observation | None = None
    history: tuple[Observation, ...] = ()
    sent: tuple[tuple[float, float], ...] = ()
    """Actual rate since the scenario began, to its end: `(scenario_s, requests_per_s)`."""
    cycle: CycleInProgress | None = None
    cycles: tuple[Cycle, ...] = ()
    cycles_done: int = 0
    executions: tuple[Execution, ...] = ()
    faults: tuple[Fault, ...] = ()
    """The active faults, one `HangReplica` for each stopped replica; killed ones restart and do not count."""
    fault_log: tuple[FaultInjected, ...] = ()
    deeds: tuple[Deed, ...] = ()
    """What persons decided lately."""
    notices: tuple[Noticed, ...] = ()
    lost: tuple[TelemetryLost, ...] = ()
    """The sources whose telemetry is lost now; while there are any, nothing is planned."""
    changes_by_others: tuple[ConfigurationChanged, ...] = ()
    account: Account = BEGUN
    """How far the run has done what it was asked to do."""
    ended: RunEnded | None = None


def fold(events: Iterable[Event], state: State | None = None) -> State:
    """The state after all of `events`, starting from `state` or from nothing."""
    state = state or State()
    for event in events:
        state = apply(state, event)
    return state


def _keep(items: tuple[T, ...], item: T, limit: int) -> tuple[T, ...]:
    return (*items[-limit + 1 :], item)


def apply(state: State, event: Event) -> State:
    """The state after one more event. Total: accepts every event, in any order."""
    match event:
        case RunStarted():
            return State(
                started=event,
                configuration=event.configuration,
                mode=event.mode,
                planner=event.planner,
                pace=event.pace,
            )
        case Progressed():
            return replace(state, now_s=event.at_s, progress=_keep(state.progress, event, RECENT))
        case MeshReady():
            return replace(state, now_s=event.at_s, gateway_url=event.gateway_url)
        case Observed(observation):
            return replace(
                state,
                now_s=observation.at_s,
                observation=observation,
                history=_keep(state.history, observation, HISTORY),
                sent=_sent(state, observation.load),
            )
        case PhaseStarted(at_s, cycle, phase):
            return replace(
                state, now_s=at_s, cycle=replace(_cycle(state, cycle), phase=phase, phase_done=False)
            )
        case Monitored(at_s, cycle, observation):
            current = replace(_ended(state, cycle, Phase.MONITOR, at_s), observation=observation)
            return replace(state, now_s=at_s, cycle=current)
        case Analysed(at_s, cycle, diagnosis):
            current = replace(_ended(state, cycle, Phase.ANALYSE, at_s), diagnosis=diagnosis)
            return replace(state, now_s=at_s, cycle=current)
        case Planned(at_s, cycle, plan):
            return replace(
                state, now_s=at_s, cycle=replace(_ended(state, cycle, Phase.PLAN, at_s), plan=plan)
            )
        case ApprovalAwaited(at_s, cycle, revision, drafts):
            current = replace(_cycle(state, cycle), awaiting_approval=True, revision=revision, drafts=drafts)
            return replace(state, now_s=at_s, cycle=current)
        case LookedAgain(at_s, cycle, diagnosis):
            current = replace(_cycle(state, cycle), looked_at_s=at_s, present=diagnosis)
            return replace(state, now_s=at_s, cycle=current)
        case Replanned():
            return _replanned(state, event)
        case PlanDecided(at_s, cycle):
            current = replace(_cycle(state, cycle), awaiting_approval=False)
            return replace(state, now_s=at_s, cycle=current, deeds=_keep(state.deeds, event, RECENT))
        case ExecuteEnded(at_s, cycle):
            current = replace(_ended(state, cycle, Phase.EXECUTE, at_s), awaiting_approval=False)
            return replace(state, now_s=at_s, cycle=current)
        case Executed(execution, configuration):
            others = tuple(e for e in state.executions if e.id != execution.id)
            return replace(
                state,
                now_s=max(state.now_s, execution.at_s),
                configuration=configuration,
                executions=tuple(sorted((*others, execution), key=lambda e: e.id))[-HISTORY:],
            )
        case CycleCompleted(cycle):
            ended_s = max(state.now_s, cycle.ended_at_s)
            current = _ended(state, cycle.id, Phase.KNOWLEDGE, ended_s)
            return replace(
                state,
                now_s=ended_s,
                cycle=replace(current, awaiting_approval=False),
                cycles=_keep(state.cycles, cycle, RECENT),
                cycles_done=state.cycles_done + 1,
                account=state.account.after_cycle(cycle),
            )
        case RunningChanged(at_s, running):
            return replace(state, now_s=at_s, running=running)
        case TimeHeld(at_s, held):
            return replace(state, now_s=at_s, held=held)
        case PaceChanged(at_s, pace):
            return replace(state, now_s=at_s, pace=pace, deeds=_keep(state.deeds, event, RECENT))
        case ModeChanged(at_s, mode):
            return replace(state, now_s=at_s, mode=mode, deeds=_keep(state.deeds, event, RECENT))
        case PlannerChanged(at_s, planner):
            return replace(state, now_s=at_s, planner=planner, deeds=_keep(state.deeds, event, RECENT))
        case ScenarioChanged(at_s, scenario):
            started = replace(state.started, scenario=scenario) if state.started else None
            return replace(
                state, now_s=at_s, started=started, sent=(), deeds=_keep(state.deeds, event, RECENT)
            )
        case LoadFactorChanged(at_s):
            return replace(state, now_s=at_s, deeds=_keep(state.deeds, event, RECENT))
        case FaultInjected(at_s, fault):
            log = _keep(state.fault_log, event, RECENT)
            return replace(state, now_s=at_s, faults=_faults(state.faults, fault), fault_log=log)
        case FaultEnded(at_s, fault):
            return replace(state, now_s=at_s, faults=_without(state.faults, fault))
        case ConfigurationChanged(at_s, _, sentence, configuration):
            changes = _keep(state.changes_by_others, event, RECENT)
            changed = replace(state, configuration=configuration, changes_by_others=changes)
            return _noticed(changed, at_s, Severity.WARNING, "configuration", sentence)
        case TelemetryLost(at_s, source, _, sentence):
            lost = (*(each for each in state.lost if each.source is not source), event)
            blind = replace(state, lost=lost, account=_with_loss(state, lost, at_s))
            return _noticed(blind, at_s, Severity.CRITICAL, source, sentence)
        case TelemetryRestored(at_s, source, _, sentence):
            lost = tuple(each for each in state.lost if each.source is not source)
            seeing = replace(state, lost=lost, account=_with_loss(state, lost, at_s))
            return _noticed(seeing, at_s, Severity.INFO, source, sentence)
        case LoadLost(at_s, sentence):
            losses = state.account.load_losses + 1
            without = replace(state, account=replace(state.account, load_losses=losses, load_is_lost=True))
            return _noticed(without, at_s, Severity.CRITICAL, "load", sentence)
        case LoadRestored(at_s, sentence=sentence):
            again = replace(state, account=replace(state.account, load_is_lost=False))
            return _noticed(again, at_s, Severity.INFO, "load", sentence)
        case CycleNotStored(at_s, _, sentence):
            return _noticed(state, at_s, Severity.CRITICAL, "knowledge", sentence)
        case BaselinesLoaded():
            return replace(state, now_s=event.at_s)
        case Recalibrated(at_s, sentence=sentence):
            return _noticed(state, at_s, Severity.INFO, "twin", sentence)
        case Noticed():
            return replace(state, now_s=event.at_s, notices=_keep(state.notices, event, RECENT))
        case RunEnded():
            return replace(state, now_s=event.at_s, running=False, held=False, ended=event)
        case _:
            assert_never(event)


def _with_loss(state: State, lost: tuple[TelemetryLost, ...], at_s: float) -> Account:
    """The account when the sources in `lost` are without telemetry from now on."""
    account, since_s = state.account, state.account.telemetry_lost_since_s
    if since_s is None:
        return replace(account, telemetry_lost_since_s=min((e.since_s for e in lost), default=None))
    if lost:
        return account
    lost_s = account.telemetry_lost_s + max(0.0, at_s - since_s)
    return replace(account, telemetry_lost_s=lost_s, telemetry_lost_since_s=None)


def _noticed(state: State, at_s: float, severity: Severity, subject: str, sentence: str) -> State:
    """The state after a notice about another event."""
    notice = Noticed(at_s, severity, subject, sentence)
    return replace(state, now_s=at_s, notices=_keep(state.notices, notice, RECENT))


def _cycle(state: State, cycle: int) -> CycleInProgress:
    if state.cycle is not None and state.cycle.id == cycle:
        return state.cycle
    return CycleInProgress(id=cycle, phase=Phase.MONITOR)


def _without(faults: tuple[Fault, ...], fault: Fault) -> tuple[Fault, ...]:
    """The faults without the first one that is equal."""
    place = faults.index(fault) if fault in faults else len(faults)
    return faults[:place] + faults[place + 1 :]


def _ended(state: State, cycle: int, phase: Phase, at_s: float) -> CycleInProgress:
    current = _cycle(state, cycle)
    others = tuple(each for each in current.ended_s if each[0] is not phase)
    return replace(current, phase_done=True, ended_s=(*others, (phase, at_s)))


def _replanned(state: State, event: Replanned) -> State:
    current = replace(
        _cycle(state, event.cycle),
        observation=event.observation,
        diagnosis=event.diagnosis,
        plan=event.plan,
        ended_s=tuple((phase, event.at_s) for phase in (Phase.MONITOR, Phase.ANALYSE, Phase.PLAN)),
        revision=event.revision,
        awaiting_approval=False,
        drafts=(),
        replaced_because=event.reason,
    )
    return replace(state, now_s=event.at_s, cycle=current, deeds=_keep(state.deeds, event, RECENT))


def _sent(state: State, load: LoadSample | None) -> tuple[tuple[float, float], ...]:
    """One more point, at even distances over the scenario; a clock that goes back begins it anew."""
    if load is None or load.status is not LoadStatus.RUNNING or state.started is None:
        return state.sent
    duration_s = state.started.scenario.duration_s
    before = state.sent if not state.sent or load.scenario_s >= state.sent[-1][0] else ()
    due_s = before[-1][0] + duration_s / SENT_POINTS if before else load.scenario_s
    if not due_s <= load.scenario_s <= duration_s:
        return before
    sent = load.sent_requests_per_s
    return before if sent is None else (*before, (load.scenario_s, sent))


def _faults(faults: tuple[Fault, ...], fault: Fault) -> tuple[Fault, ...]:
    match fault:
        case ClearFaults():
            return ()
        case KillReplica(workload):
            # A stopped replica is killed first, and its successor answers.
            return _without(faults, HangReplica(workload))
        case HangReplica():
            return (*faults, fault)
        case _:
            others = tuple(
                f
                for f in faults
                if type(f) is not type(fault) or getattr(f, "workload", None) != fault.workload
            )
            return (*others, fault)
