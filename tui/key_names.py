"""The keys of every control, and the words of a hint with its key. No Textual here."""

from collections.abc import Iterable

from marskit.views.controls import Does, Hint, Intent, Move

KEY_NAMES: dict[Does, tuple[str, str]] = {
    Intent.RUN: ("space", "space"),
    Intent.STEP_PHASE: ("s", "s"),
    Intent.STEP_CYCLE: ("c", "c"),
    Intent.SLOWER: ("comma", ","),
    Intent.FASTER: ("full_stop", "."),
    Intent.APPROVE: ("a", "a"),
    Intent.REJECT: ("r", "r"),
    Intent.REPLAN: ("R", "R"),
    Intent.UNDO: ("u", "u"),
    Intent.MODE: ("m", "m"),
    Intent.PLANNER: ("p", "p"),
    Intent.SCENARIO: ("l", "l"),
    Intent.AGAIN: ("L", "L"),
    Intent.FLASH: ("f", "f"),
    Intent.MORE: ("plus,equals_sign", "+"),
    Intent.LESS: ("minus", "−"),
    Intent.KILL: ("k", "k"),
    Intent.HANG: ("h", "h"),
    Intent.SLOW: ("d", "d"),
    Intent.ERRORS: ("e", "e"),
    Intent.DELAY: ("w", "w"),
    Intent.CLEAR: ("x", "x"),
    Intent.SCALE_DOWN: ("left_square_bracket", "["),
    Intent.SCALE_UP: ("right_square_bracket", "]"),
    Intent.TRAFFIC_DOWN: ("less_than_sign", "<"),
    Intent.TRAFFIC_UP: ("greater_than_sign", ">"),
    Move.TRAIN: ("t", "t"),
    Move.OPEN: ("enter", "↵"),
    Move.CLOSE: ("escape", "esc"),
    Move.ONLY_UNHEALTHY: ("exclamation_mark", "!"),
    Move.NEXT_VIEW: ("v", "v"),
    Move.FIND: ("colon", ":"),
    Move.HELP: ("question_mark", "?"),
    Move.LEAVE: ("q", "q"),
    Move.PLAY: ("space", "space"),
    Move.PLAY_SLOWER: ("minus", "−"),
    Move.PLAY_FASTER: ("plus,equals_sign", "+"),
    Move.EVENT_BACK: ("comma", ","),
    Move.EVENT_ON: ("full_stop", "."),
    Move.PHASE_BACK: ("S", "S"),
    Move.PHASE_ON: ("s", "s"),
    Move.CYCLE_BACK: ("C", "C"),
    Move.CYCLE_ON: ("c", "c"),
    Move.VIOLATION_BACK: ("N", "N"),
    Move.VIOLATION_ON: ("n", "n"),
    Move.ACTION_BACK: ("A", "A"),
    Move.ACTION_ON: ("a", "a"),
    Move.BEGINNING: ("home", "home"),
    Move.END: ("end", "end"),
    Move.BRANCH: ("b", "b"),
    Move.BESIDE: ("w", "w"),
}
"""Textual's names, separated by commas, and the key as shown."""
_SPOKEN = {"space": "the space bar"}


def shown(does: Does) -> str:
    """The key as shown."""
    return KEY_NAMES[does][1]


def spoken(does: Does) -> str:
    """The key as it is named in a sentence."""
    return _SPOKEN.get(shown(does), shown(does))


def hint_words(hint: Hint) -> str:
    """A hint as a key: `a approve`."""
    return f"{shown(hint.does)} {hint.words}"


def with_hints(text: str, hints: Iterable[Hint]) -> str:
    """A sentence with its hints behind it."""
    words = " · ".join(hint_words(hint) for hint in hints)
    return f"{text}   {words}" if words else text
