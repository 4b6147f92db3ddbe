"""Finding by typing: which entries match, and which of them comes first."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, TypeVar

from marskit import text
from marskit.domain.state import State
from marskit.views.controls import Intent
from marskit.views.intents import resolve_intent
from marskit.views.meaning import Refusal
from marskit.views.tone import SYMBOLS
from marskit.views.topology import topology_view

V = TypeVar("V")
NO_MATCH = "Nothing matches."


class Rank(IntEnum):
    """What choosing an entry does; a higher rank comes first whenever its name matches."""

    ACTS = 0
    """Changes the run at once."""
    ASKS = 1
    """Opens something in which a person chooses, or that only shows."""
    GOES = 2
    """Goes to a place."""


@dataclass(frozen=True, slots=True)
class Entry(Generic[V]):
    """One line of a list to choose from."""

    label: str
    value: V
    note: str = ""
    key: str = ""
    """The key that does the same without the list."""
    rank: Rank = Rank.ASKS
    hidden: bool = False
    """Whether it is shown only once something is typed, because there are so many of its kind."""


@dataclass(frozen=True, slots=True)
class Named:
    """A node of the mesh, with its state in a few words."""

    name: str
    note: str


def found(entries: Sequence[Entry[V]], typed: str) -> tuple[Entry[V], ...]:
    """The entries that match, best first; all but the hidden ones before anything is typed.

    A place matches by letters in their order, so that few are enough. What acts must be spelt: every typed
    word begins a word of its label. Nobody should change a mesh by a name that nearly matches.
    """
    query = typed.casefold().split()
    if not query:
        return tuple(entry for entry in entries if not entry.hidden)
    ranked = [(grade, entry) for entry in entries if (grade := _grade(entry, query)) is not None]
    return tuple(entry for _, entry in sorted(ranked, key=lambda each: each[0], reverse=True))


def _grade(entry: Entry[V], query: Sequence[str]) -> tuple[int, int] | None:
    """How well an entry matches, to sort by; None if it does not."""
    label, whole = entry.label.casefold(), " ".join(query)
    if label == whole:
        return entry.rank * 2 + 1, 4
    if label.startswith(whole):
        return entry.rank * 2 + 1, 3
    words = label.replace("-", " ").split()
    if all(any(word.startswith(part) for word in words) or part in label.split() for part in query):
        return entry.rank * 2 + 1, 2
    if entry.rank is Rank.ACTS:
        return None
    if all(part in label for part in query):
        return entry.rank * 2 + 1, 1
    # Letters in their order prove little: a better match of something harmless comes before.
    return (Rank.ASKS * 2, 0) if _in_order("".join(query), label) else None


def _in_order(letters: str, label: str) -> bool:
    rest = iter(label)
    return all(letter in rest for letter in letters)


def count_words(matches: Sequence[Entry[V]], entries: Sequence[Entry[V]]) -> str:
    """How many match: `3 of 40`."""
    return f"{len(matches)} of {len(entries)}"


def places(state: State) -> tuple[Named, ...]:
    """Every node of the mesh: the gateway, then the workloads by call depth."""
    return tuple(
        Named(
            node.name,
            "  ".join(
                part
                for part in (
                    SYMBOLS[node.health],
                    text.rate(node.requests_per_s) if node.requests_per_s is not None else "",
                    text.replicas(node.replicas_ready, node.replicas_desired)
                    if node.replicas_desired is not None
                    else "",
                )
                if part
            ),
        )
        for node in topology_view(state).nodes
    )


def applies(intent: Intent, state: State, *, workload: str | None, factor: float) -> bool:
    """Whether the intent would do something in this state."""
    match intent:
        case Intent.STEP_PHASE | Intent.STEP_CYCLE:
            return state.cycle is None or not state.cycle.awaiting_approval
        case Intent.CLEAR:
            return bool(state.faults)
        case _:
            return not isinstance(resolve_intent(intent, state, workload=workload, factor=factor), Refusal)
