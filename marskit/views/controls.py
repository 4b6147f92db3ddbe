"""What a person can do, with its words: one table for keys, buttons, the list of commands and the help."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from marskit.domain.state import State
from marskit.views.load import is_over


class Intent(StrEnum):
    """What a person can want of a run."""

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


class Move(StrEnum):
    """What a person can do on the screen or in a recording, which changes no run."""

    TRAIN = "train"
    OPEN = "open"
    CLOSE = "close"
    ONLY_UNHEALTHY = "only_unhealthy"
    NEXT_VIEW = "next_view"
    FIND = "find"
    HELP = "help"
    LEAVE = "leave"
    PLAY = "play"
    PLAY_SLOWER = "play_slower"
    PLAY_FASTER = "play_faster"
    EVENT_BACK = "event_back"
    EVENT_ON = "event_on"
    PHASE_BACK = "phase_back"
    PHASE_ON = "phase_on"
    CYCLE_BACK = "cycle_back"
    CYCLE_ON = "cycle_on"
    VIOLATION_BACK = "violation_back"
    VIOLATION_ON = "violation_on"
    ACTION_BACK = "action_back"
    ACTION_ON = "action_on"
    BEGINNING = "beginning"
    END = "end"
    BRANCH = "branch"
    BESIDE = "beside"


Does = Intent | Move


@dataclass(frozen=True, slots=True)
class Hint:
    """An offer to do something, which each front end words in its own way: with a key, or as a button."""

    does: Does
    words: str
    """What doing it achieves, such as `approve`."""


class Group(StrEnum):
    """The topic of a control."""

    JUMP = "jump"
    BRANCH = "branch"
    PLAY = "play"
    LOOP = "loop"
    LOAD = "load"
    CHAOS = "chaos"
    SCALE = "scale"
    SCREEN = "screen"


@dataclass(frozen=True, slots=True)
class Control:
    """One thing to do."""

    does: Does
    label: str
    """One word, for a key or a button."""
    help: str
    """A sentence without its full stop."""
    group: Group
    pair: str = ""
    """One word for it and its opposite together, if it has one: the next or the former control."""
    is_urgent: bool = False
    """Whether the run waits for it."""


CONTROLS = (
    Control(Intent.RUN, "run", "Run the loop, or pause it", Group.LOOP),
    Control(Intent.STEP_PHASE, "phase", "Run the next phase, then pause", Group.LOOP),
    Control(Intent.STEP_CYCLE, "cycle", "Run a whole cycle, then pause", Group.LOOP),
    Control(Intent.SLOWER, "slower", "Let the twin's time pass more slowly", Group.LOOP, "pace"),
    Control(Intent.FASTER, "faster", "Let the twin's time pass faster", Group.LOOP, "pace"),
    Control(Intent.APPROVE, "approve", "Execute the plan that awaits approval", Group.LOOP),
    Control(Intent.REJECT, "reject", "Drop the plan that awaits approval", Group.LOOP),
    Control(Intent.REPLAN, "replan", "Plan again, in place of the plan that awaits approval", Group.LOOP),
    Control(Intent.UNDO, "undo", "Undo the newest action, after asking", Group.LOOP),
    Control(Intent.MODE, "mode", "Choose what the loop may do on its own", Group.LOOP),
    Control(Intent.PLANNER, "planner", "Choose the planner", Group.LOOP),
    Control(Move.TRAIN, "train", "Train a policy in the twin", Group.LOOP),
    Control(Intent.SCENARIO, "load", "Choose the load scenario", Group.LOAD),
    Control(Intent.AGAIN, "again", "Run the load scenario again from its beginning", Group.LOAD),
    Control(Intent.FLASH, "flash", "Start or end a flash crowd (three times the load)", Group.LOAD),
    Control(Intent.MORE, "more", "Increase the load", Group.LOAD, "rate"),
    Control(Intent.LESS, "less", "Decrease the load", Group.LOAD, "rate"),
    Control(Intent.KILL, "kill", "Kill a replica", Group.CHAOS),
    Control(Intent.HANG, "hang", "Hang a replica: it takes requests, never answers", Group.CHAOS),
    Control(Intent.SLOW, "slow", "Slow a workload down three times", Group.CHAOS),
    Control(Intent.ERRORS, "fail", "Inject errors into 20 % of a workload's responses", Group.CHAOS),
    Control(Intent.DELAY, "wait", "Delay every request to a workload by 100 ms", Group.CHAOS),
    Control(Intent.CLEAR, "clear", "Clear all faults", Group.CHAOS),
    Control(Intent.SCALE_DOWN, "fewer", "Remove one replica", Group.SCALE, "scale"),
    Control(Intent.SCALE_UP, "more", "Add one replica", Group.SCALE, "scale"),
    Control(Intent.TRAFFIC_DOWN, "less", "Shift 10 points of traffic away", Group.SCALE, "shift"),
    Control(Intent.TRAFFIC_UP, "more", "Shift 10 points of traffic to it", Group.SCALE, "shift"),
    Control(Move.OPEN, "open", "Open the selection in full", Group.SCREEN),
    Control(
        Move.ONLY_UNHEALTHY,
        "bad",
        "Show only what is unhealthy, with its callers; or everything again",
        Group.SCREEN,
    ),
    Control(Move.NEXT_VIEW, "view", "Show another panel on a small screen", Group.SCREEN),
    Control(Move.FIND, "find", "Go to a workload, or find a command", Group.SCREEN),
    Control(Move.HELP, "help", "Explain the screen and the keys", Group.SCREEN),
    Control(Move.LEAVE, "quit", "Stop the mesh and leave", Group.SCREEN),
)
"""What a person can do with a run."""


def _jumps(back: Move, on: Move, pair: str, what: str) -> tuple[Control, Control]:
    return (
        Control(back, "back", f"Back to {what} before", Group.JUMP, pair),
        Control(on, "on", f"On to {what} after", Group.JUMP, pair),
    )


REPLAY_CONTROLS = (
    Control(Move.PLAY, "play", "Play, or pause", Group.PLAY),
    Control(Move.PLAY_SLOWER, "slower", "Play half as fast", Group.PLAY, "speed"),
    Control(Move.PLAY_FASTER, "faster", "Play twice as fast", Group.PLAY, "speed"),
    Control(Move.EVENT_BACK, "back", "Back by one event", Group.PLAY, "event"),
    Control(Move.EVENT_ON, "on", "On by one event", Group.PLAY, "event"),
    *_jumps(Move.PHASE_BACK, Move.PHASE_ON, "phase", "the end of the phase"),
    *_jumps(Move.CYCLE_BACK, Move.CYCLE_ON, "cycle", "the end of the cycle"),
    *_jumps(Move.VIOLATION_BACK, Move.VIOLATION_ON, "violation", "the violation of an objective"),
    *_jumps(Move.ACTION_BACK, Move.ACTION_ON, "action", "the action"),
    Control(Move.BEGINNING, "beginning", "Back to the beginning", Group.JUMP),
    Control(Move.END, "end", "On to the end", Group.JUMP),
    Control(
        Move.BRANCH, "branch", "Let another planner decide from this cycle on, in the twin", Group.BRANCH
    ),
    Control(Move.BESIDE, "beside", "Show the newest branch beside the recording", Group.BRANCH),
    *(
        control
        for control in CONTROLS
        if control.does in (Move.OPEN, Move.ONLY_UNHEALTHY, Move.NEXT_VIEW, Move.FIND, Move.HELP)
    ),
    Control(Move.LEAVE, "quit", "Leave the replay", Group.SCREEN),
)
"""What a person can do with a recording."""

_STEPS = (Intent.STEP_PHASE, Intent.STEP_CYCLE)
_VERDICTS = (Intent.APPROVE, Intent.REJECT, Intent.REPLAN)
_PACES = (Intent.SLOWER, Intent.FASTER)


@dataclass(frozen=True, slots=True)
class Standing:
    """The part of a state that decides which controls are offered, and under which word."""

    running: bool = False
    awaiting_approval: bool = False
    small: bool = False
    """Whether the screen is too small to show every panel at once."""
    has_pace: bool = False
    over: bool = False
    """Whether the load scenario has reached its end."""


def standing(state: State, *, small: bool = False) -> Standing:
    """How a run stands."""
    waits = state.cycle is not None and state.cycle.awaiting_approval
    has_pace = state.started is not None and state.started.capabilities.can_hold_time
    return Standing(state.running, waits, small, has_pace, is_over(state))


def offered(controls: Sequence[Control], at: Standing) -> tuple[Control, ...]:
    """The controls that do something now; what the run waits for is urgent, and what pauses says so."""
    return tuple(_worded(control, at) for control in controls if _is_worth(control.does, at))


def _is_worth(does: Does, at: Standing) -> bool:
    """What would be refused now is left out; a plan that awaits approval is decided on first."""
    if does in _VERDICTS:
        return at.awaiting_approval
    if does in _STEPS:
        return not at.awaiting_approval
    if does in _PACES:
        return at.has_pace
    if does is Move.TRAIN and at.small:
        # Its row would be too long with the verdicts.
        return not at.awaiting_approval
    if does is Intent.AGAIN:
        return at.over
    return does is not Move.NEXT_VIEW or at.small


def _worded(control: Control, at: Standing) -> Control:
    if at.running and control.does in (Intent.RUN, Move.PLAY):
        return replace(control, label="pause")
    return replace(control, is_urgent=True) if control.does in _VERDICTS else control
