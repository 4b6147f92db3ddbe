"""What can be found by typing: places first, then what can be done now."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from marskit.domain.commands import Command
from marskit.domain.records import Phase
from marskit.domain.state import State
from marskit.views.actions import LOG
from marskit.views.controls import Control, Does, Group, Intent, Move
from marskit.views.find import Entry, Rank, applies, places
from marskit.views.forms import Form
from marskit.views.meaning import Meaning, Prompt

GO = "go"
"""Stands in place of a key where an entry leads to a place."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place on the screen: a node of the mesh, a phase, the log, or a cycle of a recording."""

    node: str = ""
    phase: Phase | None = None
    step: int | None = None
    """The event of a recording at which a cycle begins."""
    is_log: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """A question with one of its answers selected, to be answered by a person."""

    question: Prompt
    at: str


Found = Place | Does | Command | Ask | Form
"""What an entry leads to."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides which entries there are, besides the state of the run."""

    controls: Sequence[Control]
    meaning: Callable[[Intent], Meaning]
    """What an intent means now."""
    forms: Sequence[Form] = ()
    cycles: Sequence[tuple[int, int]] = ()
    """The cycles of a recording, with the event at which each begins."""
    workload: str | None = None
    """The selected workload."""
    factor: float = 1.0
    small: bool = False
    """Whether the screen is too small to show every panel at once."""
    summaries: Mapping[str, str] | None = None
    """What each planner and each load scenario is, in a sentence."""


_FAULTS = (Intent.KILL, Intent.HANG, Intent.SLOW, Intent.ERRORS, Intent.DELAY)
_TITLES = {Intent.MODE: "Mode", Intent.PLANNER: "Planner", Intent.SCENARIO: "Load"}


def findable(state: State, here: Situation, key: Callable[[Does], str]) -> tuple[Entry[Found], ...]:
    """Everything that can be found in that state.

    Args:
        state: The state that is shown.
        here: What else decides.
        key: The key or button of a control.
    """
    return (*_places(state, here), *_deeds(state, here, key), *_choices(here, key))


def _places(state: State, here: Situation) -> Iterator[Entry[Found]]:
    for place in places(state):
        yield Entry(place.name, Place(place.name), place.note, GO, Rank.GOES)
    for phase in Phase:
        yield Entry(phase, Place(phase=phase), "", GO, Rank.GOES, hidden=True)
    yield Entry(LOG, Place(is_log=True), "", GO, Rank.GOES, hidden=True)
    for cycle, step in here.cycles:
        yield Entry(f"cycle {cycle}", Place(step=step), "", GO, Rank.GOES, hidden=True)


def _deeds(state: State, here: Situation, key: Callable[[Does], str]) -> Iterator[Entry[Found]]:
    for control in here.controls:
        if control.does is Move.FIND or not _applies(control.does, state, here):
            continue
        rank = Rank.ACTS if _acts(control.does, here) else Rank.ASKS
        target = here.workload if control.group is Group.SCALE else None
        label = f"{control.help}: {target}" if target else control.help
        yield Entry(label, control.does, "", key(control.does), rank)


def _choices(here: Situation, key: Callable[[Does], str]) -> Iterator[Entry[Found]]:
    """The answers to the questions behind controls; those that break something are asked about once more."""
    offered = {control.does for control in here.controls}
    for intent in (*_TITLES, *_FAULTS):
        question = here.meaning(intent)
        if not isinstance(question, Prompt):
            continue
        shown = key(intent) if intent in offered else ""
        for option in question.options:
            if intent in _FAULTS:
                title = question.title.removesuffix(" which workload?")
                ask = Ask(question, option.label)
                yield Entry(f"{title} {option.label}…", ask, option.note, shown, Rank.ASKS, hidden=True)
            else:
                label, note = f"{_TITLES[intent]} {option.label}", option.note
                note = (here.summaries or {}).get(option.label, note)
                yield Entry(label, option.command, note, shown, Rank.ACTS, hidden=True)
    for form in here.forms:
        yield Entry(form.title, form, f"now: {form.now}", "")


def _applies(does: Does, state: State, here: Situation) -> bool:
    if isinstance(does, Intent):
        return applies(does, state, workload=here.workload, factor=here.factor)
    return does is not Move.NEXT_VIEW or here.small


def _acts(does: Does, here: Situation) -> bool:
    if isinstance(does, Intent):
        return not isinstance(here.meaning(does), Prompt)
    return does is Move.LEAVE
