"""The meaning of a key in a given state: a command, a question to answer first, or a refusal."""

from collections.abc import Callable
from typing import assert_never

from marskit import text
from marskit.domain import commands
from marskit.domain.actions import Scale, describe
from marskit.domain.commands import Command
from marskit.domain.faults import ClearFaults, Delay, Fault, HangReplica, InjectErrors, KillReplica, SlowDown
from marskit.domain.records import Execution, Mode
from marskit.domain.state import State
from marskit.domain.undo import next_undo
from marskit.views.controls import Intent
from marskit.views.meaning import NOT_BEGUN, SELECT_FIRST, Meaning, Option, Prompt, Refusal
from marskit.views.shifts import shift

SLOW_FACTOR = 3.0
ERROR_PERCENT = 20.0
DELAY_MS = 100
FLASH_FACTOR = 3.0
SHIFT_PERCENT = 10
"""Points of a route's weight that one key moves."""
FACTORS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
"""The steps of the load factor."""

PACES = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
"""The steps of the twin's pace, in its seconds per real second."""

_MODES = {
    Mode.AUTO: "the loop executes its plans on its own",
    Mode.RECOMMEND: "plans are shown, never executed",
    Mode.APPROVE: "every plan needs your approval",
    Mode.FREEZE: "no action is executed, not even yours",
}


def resolve_intent(intent: Intent, state: State, *, workload: str | None, factor: float) -> Meaning:
    """The meaning of `intent` in this state.

    Args:
        intent: The intent of the key.
        state: The state of the run.
        workload: The workload selected on the screen.
        factor: The load factor requested last.
    """
    match intent:
        case Intent.RUN:
            return commands.Pause() if state.running else commands.Run()
        case Intent.STEP_PHASE:
            return commands.StepPhase()
        case Intent.STEP_CYCLE:
            return commands.StepCycle()
        case Intent.APPROVE | Intent.REJECT | Intent.REPLAN:
            return _decide(intent, state)
        case Intent.UNDO:
            return _undo(state)
        case Intent.SLOWER:
            return _pace(state, slower=True)
        case Intent.FASTER:
            return _pace(state, slower=False)
        case Intent.AGAIN:
            return commands.SetScenario(state.started.scenario.name) if state.started else Refusal(NOT_BEGUN)
        case Intent.MODE:
            options = tuple(Option(mode, note, commands.SetMode(mode)) for mode, note in _MODES.items())
            return Prompt("What may the loop do on its own?", options, list(_MODES).index(state.mode))
        case Intent.PLANNER:
            names = state.started.planners if state.started else ()
            if names and state.planner not in names:
                # A parameterised planner or a policy file, which can be left and chosen again.
                names = (*names, state.planner)
            return _ask("Which planner?", names, state.planner, commands.SetPlanner)
        case Intent.SCENARIO:
            names = state.started.scenarios if state.started else ()
            current = state.started.scenario.name if state.started else ""
            return _ask("Which load scenario?", names, current, commands.SetScenario)
        case Intent.FLASH:
            return commands.SetLoadFactor(1.0 if factor >= FLASH_FACTOR else FLASH_FACTOR)
        case Intent.MORE:
            return commands.SetLoadFactor(next((f for f in FACTORS if f > factor), FACTORS[-1]))
        case Intent.LESS:
            return commands.SetLoadFactor(next((f for f in reversed(FACTORS) if f < factor), FACTORS[0]))
        case Intent.KILL:
            return _fault("Kill a replica of", state, workload, KillReplica)
        case Intent.HANG:
            return _fault("Hang a replica of", state, workload, HangReplica)
        case Intent.SLOW:
            return _fault("Slow down", state, workload, lambda name: SlowDown(name, SLOW_FACTOR))
        case Intent.ERRORS:
            return _fault(
                "Inject errors into", state, workload, lambda name: InjectErrors(name, ERROR_PERCENT)
            )
        case Intent.DELAY:
            return _fault("Delay requests to", state, workload, lambda name: Delay(name, DELAY_MS))
        case Intent.CLEAR:
            return commands.Inject(ClearFaults())
        case Intent.SCALE_UP:
            return _scale(state, workload, 1)
        case Intent.SCALE_DOWN:
            return _scale(state, workload, -1)
        case Intent.TRAFFIC_UP:
            return shift(state, workload, SHIFT_PERCENT)
        case Intent.TRAFFIC_DOWN:
            return shift(state, workload, -SHIFT_PERCENT)
        case _:
            assert_never(intent)


def _decide(intent: Intent, state: State) -> Command | Refusal:
    """A verdict on exactly the plan that is shown."""
    cycle = state.cycle
    if cycle is None or not cycle.awaiting_approval:
        return Refusal("No plan is awaiting approval.")
    if intent is Intent.REPLAN:
        return commands.Replan()
    decide = commands.Approve if intent is Intent.APPROVE else commands.Reject
    return decide(cycle.id, cycle.revision)


def _undo(state: State) -> Meaning:
    """Ask before taking back the newest action: the question says which."""
    done = next_undo(state.executions)
    if done is None or done.inverse is None:
        return Refusal("Nothing to undo: no action is in force.")
    ago = text.duration(max(0.0, state.now_s - done.at_s))
    note = f"takes back: {describe(done.action)}, {ago} ago"
    return Prompt(f"Undo: {undo_words(done, state)}?", (Option("undo", note, commands.Undo(done.id)),))


def undo_words(done: Execution, state: State) -> str:
    """What an undo of that execution changes: `orders 4 → 3`."""
    assert done.inverse is not None
    if isinstance(done.inverse, Scale) and state.configuration is not None:
        now = dict(state.configuration.replicas).get(done.inverse.workload)
        return f"{done.inverse.workload} {text.NOTHING if now is None else now} → {done.inverse.replicas}"
    return describe(done.inverse)


def _pace(state: State, *, slower: bool) -> Command | Refusal:
    if state.started is None:
        return Refusal(NOT_BEGUN)
    if not state.started.capabilities.can_hold_time:
        return Refusal("This mesh runs in real time: only the time of a twin has a pace (--mesh twin).")
    pace = float("inf") if state.pace is None else state.pace
    others = [other for other in PACES if (other < pace if slower else other > pace)]
    if not others:
        return Refusal(f"The pace is {text.pace(state.pace)} already, the last that there is.")
    return commands.SetPace(others[-1] if slower else others[0])


def _ask(
    title: str, names: tuple[str, ...], current: str, command: Callable[[str], Command]
) -> Prompt | Refusal:
    if not names:
        return Refusal(NOT_BEGUN)
    options = tuple(Option(name, "now" if name == current else "", command(name)) for name in names)
    return Prompt(title, options, names.index(current) if current in names else 0)


def _fault(title: str, state: State, workload: str | None, fault: Callable[[str], Fault]) -> Meaning:
    names = [w.name for w in state.started.topology.workloads] if state.started else []
    if not names:
        return Refusal(NOT_BEGUN)
    if len(names) == 1:
        return commands.Inject(fault(names[0]))
    ready = (
        {w.workload: f"{text.whole(w.replicas_ready)} ready" for w in state.observation.workloads}
        if state.observation
        else {}
    )
    options = tuple(Option(name, ready.get(name, ""), commands.Inject(fault(name))) for name in names)
    return Prompt(f"{title} which workload?", options, names.index(workload) if workload in names else 0)


def _scale(state: State, workload: str | None, step: int) -> Command | Refusal:
    if state.started is None or state.configuration is None:
        return Refusal(NOT_BEGUN)
    bounds = next((w for w in state.started.topology.workloads if w.name == workload), None)
    if bounds is None:
        return SELECT_FIRST
    wanted = dict(state.configuration.replicas).get(bounds.name, 0) + step
    if not bounds.min_replicas <= wanted <= bounds.max_replicas:
        return Refusal(f"{bounds.name} may have {bounds.min_replicas} to {bounds.max_replicas} replicas.")
    return commands.Act(Scale(bounds.name, wanted))
