"""What `:` finds, and what the terminal does where it leads."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from marskit.tui.key_names import shown
from marskit.views.controls import Intent, Move
from marskit.views.find import Entry
from marskit.views.finding import Ask, Found, Place, findable
from marskit.views.forms import Form

if TYPE_CHECKING:
    from marskit.tui.app import MarskitApp

Do = Callable[[], object]


def entries(app: "MarskitApp") -> list[Entry[Do]]:
    """Everything that can be found in the present state."""
    found = findable(app.live.state, app.situation(), shown)
    return [*(_entry(app, each) for each in found), *_screen(app)]


def _entry(app: "MarskitApp", found: Entry[Found]) -> Entry[Do]:
    do = _do(app, found.value)
    return Entry(found.label, do, found.note, found.key, found.rank, hidden=found.hidden)


def _do(app: "MarskitApp", value: Found) -> Do:
    match value:
        case Place():
            return partial(app.go_to, value)
        case Intent() | Move():
            action = next(key.action for key in app.keys if key.control.does is value)
            return partial(app.run_action, action)
        case Ask(question, at):
            return partial(app.ask, question, at=at)
        case Form():
            return partial(app.fill_in, value)
        case _:
            return partial(app.submit, value)


def _screen(app: "MarskitApp") -> Iterator[Entry[Do]]:
    for name in app.available_themes:
        if name.startswith("marskit-") and name != app.theme:
            yield Entry(f"Theme {name.removeprefix('marskit-')}", partial(app.choose_theme, name))
    yield Entry("Save a screenshot of this screen", app.keep_screenshot, "as SVG")
