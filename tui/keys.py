"""All keys, in one table for the bindings, the footer, the command palette and the help screen."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from textual.binding import Binding

from marskit.views.intents import Intent


class Group(StrEnum):
    """The topic of a key."""

    JUMP = "jump"
    BRANCH = "branch"
    PLAY = "play"
    LOOP = "loop"
    LOAD = "load"
    CHAOS = "chaos"
    SCALE = "scale"
    SCREEN = "screen"


@dataclass(frozen=True, slots=True)
class Key:
    """One key with its texts."""

    keys: str
    """Textual's names, separated by commas."""
    shown: str
    action: str
    label: str
    """One word for the footer; a key without a label shares the next key's."""
    help: str
    group: Group


def bindings(keys: Iterable[Key]) -> Iterator[Binding]:
    """The keys as Textual's bindings."""
    for key in keys:
        yield Binding(key.keys, key.action, key.help, key_display=key.shown, show=False)


def _intent(keys: str, shown: str, intent: Intent, label: str, words: str, group: Group) -> Key:
    return Key(keys, shown, f"intend('{intent}')", label, words, group)


KEYS = (
    _intent("space", "space", Intent.RUN, "run", "Run the loop, or pause it", Group.LOOP),
    _intent("s", "s", Intent.STEP_PHASE, "phase", "Run the next phase, then pause", Group.LOOP),
    _intent("c", "c", Intent.STEP_CYCLE, "cycle", "Run a whole cycle, then pause", Group.LOOP),
    _intent("comma", ",", Intent.SLOWER, "", "Let the twin's time pass more slowly", Group.LOOP),
    _intent("full_stop", ".", Intent.FASTER, "pace", "Let the twin's time pass faster", Group.LOOP),
    _intent("a", "a", Intent.APPROVE, "approve", "Execute the plan that awaits approval", Group.LOOP),
    _intent("r", "r", Intent.REJECT, "reject", "Drop the plan that awaits approval", Group.LOOP),
    _intent(
        "R", "R", Intent.REPLAN, "replan", "Plan again, in place of the plan that awaits approval", Group.LOOP
    ),
    _intent("u", "u", Intent.UNDO, "undo", "Undo the newest action, after asking", Group.LOOP),
    _intent("m", "m", Intent.MODE, "mode", "Choose what the loop may do on its own", Group.LOOP),
    _intent("p", "p", Intent.PLANNER, "planner", "Choose the planner", Group.LOOP),
    Key("t", "t", "train", "train", "Train a policy in the twin", Group.LOOP),
    _intent("l", "l", Intent.SCENARIO, "load", "Choose the load scenario", Group.LOAD),
    _intent("L", "L", Intent.AGAIN, "again", "Run the load scenario again from its beginning", Group.LOAD),
    _intent("f", "f", Intent.FLASH, "flash", "Start or end a flash crowd (three times the load)", Group.LOAD),
    _intent("plus,equals_sign", "+", Intent.MORE, "", "Increase the load", Group.LOAD),
    _intent("minus", "−", Intent.LESS, "rate", "Decrease the load", Group.LOAD),
    _intent("k", "k", Intent.KILL, "kill", "Kill a replica", Group.CHAOS),
    _intent("h", "h", Intent.HANG, "hang", "Hang a replica: it takes requests, never answers", Group.CHAOS),
    _intent("d", "d", Intent.SLOW, "slow", "Slow a workload down three times", Group.CHAOS),
    _intent(
        "e", "e", Intent.ERRORS, "fail", "Inject errors into 20 % of a workload's responses", Group.CHAOS
    ),
    _intent("w", "w", Intent.DELAY, "wait", "Delay every request to a workload by 100 ms", Group.CHAOS),
    _intent("x", "x", Intent.CLEAR, "clear", "Clear all faults", Group.CHAOS),
    _intent("left_square_bracket", "[", Intent.SCALE_DOWN, "", "Remove one replica", Group.SCALE),
    _intent("right_square_bracket", "]", Intent.SCALE_UP, "scale", "Add one replica", Group.SCALE),
    _intent("less_than_sign", "<", Intent.TRAFFIC_DOWN, "", "Shift 10 points of traffic away", Group.SCALE),
    _intent(
        "greater_than_sign", ">", Intent.TRAFFIC_UP, "shift", "Shift 10 points of traffic to it", Group.SCALE
    ),
    Key("enter", "↵", "open", "open", "Open the selection in full", Group.SCREEN),
    Key(
        "exclamation_mark",
        "!",
        "only_unhealthy",
        "bad",
        "Show only what is unhealthy, with its callers; or everything again",
        Group.SCREEN,
    ),
    Key("v", "v", "next_view", "view", "Show another panel on a small screen", Group.SCREEN),
    Key("colon", ":", "command_palette", "find", "Go to a workload, or find a command", Group.SCREEN),
    Key("question_mark", "?", "help", "help", "Explain the screen and the keys", Group.SCREEN),
    Key("q", "q", "leave", "quit", "Stop the mesh and leave", Group.SCREEN),
)
