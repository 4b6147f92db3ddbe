"""What `:` finds: places first, then what can be done now, with its key."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from marskit.tui.keys import Group, Key
from marskit.views.find import Entry, Rank, applies, places
from marskit.views.intents import Intent, Prompt

if TYPE_CHECKING:
    from marskit.tui.app import MarskitApp

Do = Callable[[], object]
_INTEND = "intend('"
_FAULTS = (Intent.KILL, Intent.HANG, Intent.SLOW, Intent.ERRORS, Intent.DELAY)
_CHOICES = (Intent.MODE, Intent.PLANNER, Intent.SCENARIO)


def entries(app: "MarskitApp") -> list[Entry[Do]]:
    """Everything that can be found in the present state."""
    return [*_places(app), *_keys(app), *_choices(app), *_screen(app)]


def _places(app: "MarskitApp") -> Iterator[Entry[Do]]:
    for place in places(app.live.state):
        yield Entry(place.name, partial(app.go_to, place.name), place.note, "go", Rank.GOES)
    for phase, cycle in app.named_places():
        yield Entry(phase, cycle, "", "go", Rank.GOES, hidden=True)


def _keys(app: "MarskitApp") -> Iterator[Entry[Do]]:
    for key in app.keys:
        if key.action == "command_palette" or not _applies(app, key):
            continue
        rank = Rank.ACTS if _acts(app, key) else Rank.ASKS
        target = app.live.workload if key.group is Group.SCALE else None
        label = f"{key.help}: {target}" if target else key.help
        yield Entry(label, partial(app.run_action, key.action), "", key.shown, rank)


def _choices(app: "MarskitApp") -> Iterator[Entry[Do]]:
    """The answers to the questions behind keys; those that break something are asked about once more."""
    for intent in (*_CHOICES, *_FAULTS):
        question = app.meaning(intent)
        if not isinstance(question, Prompt):
            continue
        key = next((each.shown for each in app.keys if _intent(each) is intent), "")
        for option in question.options:
            if intent in _FAULTS:
                title = question.title.removesuffix(" which workload?")
                ask = partial(app.ask, question, at=option.label)
                yield Entry(f"{title} {option.label}…", ask, option.note, key, Rank.ASKS, hidden=True)
            else:
                title = {Intent.MODE: "Mode", Intent.PLANNER: "Planner", Intent.SCENARIO: "Load"}[intent]
                note = app.summaries.get(option.label, option.note)
                act = partial(app.submit, option.command)
                yield Entry(f"{title} {option.label}", act, note, key, Rank.ACTS, hidden=True)
    for form in app.forms():
        yield Entry(form.title, partial(app.fill_in, form), f"now: {form.now}", "")


def _screen(app: "MarskitApp") -> Iterator[Entry[Do]]:
    for name in app.available_themes:
        if name.startswith("marskit-") and name != app.theme:
            yield Entry(f"Theme {name.removeprefix('marskit-')}", partial(app.choose_theme, name))
    yield Entry("Save a screenshot of this screen", app.keep_screenshot, "as SVG")


def _intent(key: Key) -> Intent | None:
    if not key.action.startswith(_INTEND):
        return None
    return Intent(key.action.removeprefix(_INTEND).removesuffix("')"))


def _applies(app: "MarskitApp", key: Key) -> bool:
    if key.action == "next_view":
        return app.live.has_class("-short")
    intent = _intent(key)
    return intent is None or applies(intent, app.live.state, workload=app.live.workload, factor=app.factor)


def _acts(app: "MarskitApp", key: Key) -> bool:
    if key.action in ("leave", "train"):
        return key.action == "leave"
    intent = _intent(key)
    return intent is not None and not isinstance(app.meaning(intent), Prompt)
