"""The meaning of a key in a given state: a command, a question to answer first, or a refusal."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from marskit import text
from marskit.domain import commands
from marskit.domain.actions import Scale, ShiftTraffic, describe
from marskit.domain.commands import Command
from marskit.domain.config import RouteSetting
from marskit.domain.faults import ClearFaults, Delay, Fault, HangReplica, InjectErrors, KillReplica, SlowDown
from marskit.domain.records import Execution, Mode
from marskit.domain.state import State
from marskit.domain.undo import next_undo
from marskit.mapek.plan.weights import apportion_by_name, percents, subset_key

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

_NOT_BEGUN = "The run has not started yet."
_SELECT_FIRST = "Select a workload in the mesh first: tab, then the arrow keys."
_MODES = {
    Mode.AUTO: "the loop executes its plans on its own",
    Mode.RECOMMEND: "plans are shown, never executed",
    Mode.APPROVE: "every plan needs your approval",
    Mode.FREEZE: "no action is executed, not even yours",
}


class Intent(StrEnum):
    """The intents behind keys."""

    RUN = "run"
    STEP_PHASE = "step_phase"
    STEP_CYCLE = "step_cycle"
    MODE = "mode"
    PLANNER = "planner"
    APPROVE = "approve"
    REJECT = "reject"
    REPLAN = "replan"
    UNDO = "undo"
    SLOWER = "slower"
    FASTER = "faster"
    AGAIN = "again"
    SCENARIO = "scenario"
    FLASH = "flash"
    MORE = "more"
    LESS = "less"
    KILL = "kill"
    HANG = "hang"
    SLOW = "slow"
    ERRORS = "errors"
    DELAY = "delay"
    CLEAR = "clear"
    SCALE_UP = "scale_up"
    SCALE_DOWN = "scale_down"
    TRAFFIC_UP = "traffic_up"
    TRAFFIC_DOWN = "traffic_down"


@dataclass(frozen=True, slots=True)
class Option:
    """One choice."""

    label: str
    note: str
    command: Command


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question to answer before there is a command."""

    title: str
    options: tuple[Option, ...]
    preselected: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the key has no effect now."""

    sentence: str


Meaning = Command | Prompt | Refusal


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
            return commands.SetScenario(state.started.scenario.name) if state.started else Refusal(_NOT_BEGUN)
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
            return _shift(state, workload, SHIFT_PERCENT)
        case Intent.TRAFFIC_DOWN:
            return _shift(state, workload, -SHIFT_PERCENT)
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
        return Refusal(_NOT_BEGUN)
    if not state.started.capabilities.can_hold_time:
        return Refusal("This mesh runs in real time: only the time of a twin has a pace (--mesh twin).")
    pace = float("inf") if state.pace is None else state.pace
    others = [other for other in PACES if (other < pace if slower else other > pace)]
    if not others:
        return Refusal(f"The pace is {text.pace(state.pace)} already: no key sets another.")
    return commands.SetPace(others[-1] if slower else others[0])


def _ask(
    title: str, names: tuple[str, ...], current: str, command: Callable[[str], Command]
) -> Prompt | Refusal:
    if not names:
        return Refusal(_NOT_BEGUN)
    options = tuple(Option(name, "now" if name == current else "", command(name)) for name in names)
    return Prompt(title, options, names.index(current) if current in names else 0)


def _fault(title: str, state: State, workload: str | None, fault: Callable[[str], Fault]) -> Meaning:
    names = [w.name for w in state.started.topology.workloads] if state.started else []
    if not names:
        return Refusal(_NOT_BEGUN)
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
        return Refusal(_NOT_BEGUN)
    bounds = next((w for w in state.started.topology.workloads if w.name == workload), None)
    if bounds is None:
        return Refusal(_SELECT_FIRST)
    wanted = dict(state.configuration.replicas).get(bounds.name, 0) + step
    if not bounds.min_replicas <= wanted <= bounds.max_replicas:
        return Refusal(f"{bounds.name} may have {bounds.min_replicas} to {bounds.max_replicas} replicas.")
    return commands.Act(Scale(bounds.name, wanted))


def _shift(state: State, workload: str | None, points: int) -> Meaning:
    """Weight towards the workload on the split it belongs to, or away from it where `points` is below 0."""
    if state.configuration is None:
        return Refusal(_NOT_BEGUN)
    if workload is None:
        return Refusal(_SELECT_FIRST)
    splits = [
        (route, subset_key(destination))
        for route in state.configuration.routes
        if len(route.destinations) > 1
        for destination in route.destinations
        if destination.workload == workload
    ]
    if not splits:
        return Refusal(f"{workload} shares no route with another workload, so it has no weight to change.")
    options = []
    for route, subset in splits:
        weights = _shifted(percents(route), subset, points)
        if weights != percents(route):
            act = commands.Act(ShiftTraffic(route.virtual_service, route.index, tuple(weights.items())))
            options.append(Option(_route_name(route), _shares(weights), act))
    if not options:
        extreme = "all" if points > 0 else "none"
        return Refusal(f"{workload} already gets {extreme} of the traffic of {_route_name(splits[0][0])}.")
    if len(splits) == 1:
        return options[0].command
    return Prompt(
        f"Shift traffic {'to' if points > 0 else 'away from'} {workload} on which route?", tuple(options)
    )


def _shifted(weights: Mapping[str, int], subset: str, points: int) -> dict[str, int]:
    """The weights with `subset` that much up or down, within 0 and 100; the others share what is left."""
    own = max(0, min(100, weights[subset] + points))
    others = apportion_by_name(
        100 - own, {name: weight for name, weight in weights.items() if name != subset}
    )
    return {name: others.get(name, own) for name in weights}


def _shares(weights: Mapping[str, int]) -> str:
    return ", ".join(f"{subset} {weight} %" for subset, weight in weights.items())


def _route_name(route: RouteSetting) -> str:
    """The route as manifests address it, with the name a person gave it."""
    return route.label if route.name is None else f"{route.label} ({route.name})"
