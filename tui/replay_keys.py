"""All keys of a replay, like `tui.keys` for a live run."""

from marskit.replay.timeline import Stop
from marskit.tui.keys import KEYS, Group, Key


def _jump(stop: Stop, forward: str, what: str) -> list[Key]:
    """Both ways; the key that goes back stands before the other one, without a word of its own."""
    back = forward.upper()
    return [
        Key(back, back, f"jump('{stop}', True)", "", f"Back to {what} before", Group.JUMP),
        Key(forward, forward, f"jump('{stop}')", stop, f"On to {what} after", Group.JUMP),
    ]


REPLAY_KEYS = (
    Key("space", "space", "play", "play", "Play, or pause", Group.PLAY),
    Key("minus", "−", "speed(True)", "", "Play half as fast", Group.PLAY),
    Key("plus,equals_sign", "+", "speed", "speed", "Play twice as fast", Group.PLAY),
    Key("comma", ",", f"jump('{Stop.EVENT}', True)", "", "Back by one event", Group.PLAY),
    Key("full_stop", ".", f"jump('{Stop.EVENT}')", "event", "On by one event", Group.PLAY),
    *_jump(Stop.PHASE, "s", "the end of the phase"),
    *_jump(Stop.CYCLE, "c", "the end of the cycle"),
    *_jump(Stop.VIOLATION, "n", "the violation of an objective"),
    *_jump(Stop.ACTION, "a", "the action"),
    Key("home", "home", "edge(True)", "", "Back to the beginning", Group.JUMP),
    Key("end", "end", "edge", "", "On to the end", Group.JUMP),
    Key(
        "b",
        "b",
        "branch",
        "branch",
        "Let another planner decide from this cycle on, in the twin",
        Group.BRANCH,
    ),
    Key("w", "w", "beside", "beside", "Show the newest branch beside the recording", Group.BRANCH),
    *(
        key
        for key in KEYS
        if key.action in ("open", "only_unhealthy", "next_view", "command_palette", "help")
    ),
    Key("q", "q", "leave", "quit", "Leave the replay", Group.SCREEN),
)
"""What a person can do with a recording."""
_TAKEN = {name for key in REPLAY_KEYS for name in key.keys.split(",")}
REFUSED = ",".join(
    name
    for key in KEYS
    if key.action.startswith("intend")
    for name in key.keys.split(",")
    if name not in _TAKEN
)
"""The keys that would change a live mesh."""
