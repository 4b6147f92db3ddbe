"""All keys, in one table for the bindings, the footer, the command palette and the help screen."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from textual.binding import Binding

from marskit.tui.key_names import KEY_NAMES
from marskit.views.controls import CONTROLS, Control, Intent, Move


@dataclass(frozen=True, slots=True)
class Key:
    """One key with what it does."""

    keys: str
    """Textual's names, separated by commas."""
    shown: str
    action: str
    control: Control

    @property
    def help(self) -> str:
        """What it does, in a sentence without its full stop."""
        return self.control.help


def bindings(keys: Iterable[Key]) -> Iterator[Binding]:
    """The keys as Textual's bindings."""
    for key in keys:
        yield Binding(key.keys, key.action, key.help, key_display=key.shown, show=False)


def keys_of(controls: Iterable[Control]) -> tuple[Key, ...]:
    """The keys of some controls."""
    return tuple(Key(*KEY_NAMES[control.does], _action(control), control) for control in controls)


def _action(control: Control) -> str:
    does = control.does
    if isinstance(does, Intent):
        return f"intend('{does}')"
    return _MOVES.get(does, does.value)


_MOVES = {
    Move.FIND: "command_palette",
    Move.PLAY_SLOWER: "speed(True)",
    Move.PLAY_FASTER: "speed",
    Move.BEGINNING: "edge(True)",
    Move.END: "edge",
    **{
        move: f"jump('{stop}'{', True' if back else ''})"
        for stop, moves in (
            ("event", (Move.EVENT_BACK, Move.EVENT_ON)),
            ("phase", (Move.PHASE_BACK, Move.PHASE_ON)),
            ("cycle", (Move.CYCLE_BACK, Move.CYCLE_ON)),
            ("violation", (Move.VIOLATION_BACK, Move.VIOLATION_ON)),
            ("action", (Move.ACTION_BACK, Move.ACTION_ON)),
        )
        for back, move in zip((True, False), moves, strict=True)
    },
}
KEYS = keys_of(CONTROLS)
"""The keys of a live run."""
