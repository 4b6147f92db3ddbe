"""What the terminal shows is what the views say: every string of it, for every state of three runs."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from marskit.domain.events import Event
from marskit.domain.records import Mode
from marskit.domain.state import State, apply
from marskit.tui.app import MarskitApp
from marskit.tui.key_names import KEY_NAMES
from marskit.tui.widgets.canvas import Canvas
from tests.replay.runs import twin_run
from tests.tui import scripts
from tests.tui.fake import FakeRuntime
from tests.views.said import Vocabulary, strings, views_of

pytestmark = pytest.mark.notebook
SIZE = (200, 60)
MOST = 60
"""Most states of a run that are drawn."""
DRAWN = re.compile("[\u2500-\u257f\u2800-\u28ff\u25b8\u25c2\u25ba\u203a]+|… \\d+ more|  +|(?<=[▲▼↔≡↯✚])")
"""Frames, lines, bars, dots and arrows, which are no words, how much is cut, and space between words."""
OWN = {"marskit", "·", "$"} | {shown for _, shown in KEY_NAMES.values()}
"""What the terminal may say by itself: its name, its keys, and what stands between words."""

Run = Callable[[Path], Sequence[Event]]


def flash_crowd(_: Path) -> Sequence[Event]:
    return scripts.recovered().events


def approval(_: Path) -> Sequence[Event]:
    return scripts.awaiting().events


def twin(folder: Path) -> Sequence[Event]:
    return twin_run(folder, cycles=8, scenario="spike", seed=7, mode=Mode.AUTO).events


def states(events: Sequence[Event]) -> Iterator[State]:
    state, every = State(), max(1, len(events) // MOST)
    for n, event in enumerate(events):
        state = apply(state, event)
        if n % every == 0 or n == len(events) - 1:
            yield state


def texts(app: MarskitApp) -> Iterator[str]:
    """Every piece of text on the screen."""
    for canvas in app.screen.query("Canvas"):
        if isinstance(canvas, Canvas) and canvas.display:
            lines = ["".join(text for text, _ in row) for row in canvas.draw(*canvas.size)]
            for line in (*lines, *canvas.titles):
                yield from (piece for piece in DRAWN.split(line) if piece and piece.strip())


def unsaid(app: MarskitApp, state: State) -> list[str]:
    """What is on the screen, but in no view of that state."""
    said = strings(views_of(state)) | OWN
    plain = {piece for text in said for piece in DRAWN.split(text) if piece and piece.strip()}
    vocabulary = Vocabulary(said | plain)
    return [text for text in texts(app) if not vocabulary.covers(text)]


@pytest.mark.parametrize("run", [flash_crowd, approval, twin], ids=lambda run: run.__name__)
async def test_every_string_on_the_screen_comes_from_the_views(run: Run, tmp_path: Path) -> None:
    app = MarskitApp(FakeRuntime())
    async with app.run_test(size=SIZE) as pilot:
        shown = 0
        for state in states(run(tmp_path)):
            app.live.show(state)
            await pilot.pause()
            assert unsaid(app, state) == []
            shown += 1
        assert shown > 20


async def test_a_string_of_the_terminals_own_is_found() -> None:
    state = scripts.recovered().state
    app = MarskitApp(FakeRuntime(scripts.recovered()))
    async with app.run_test(size=SIZE):
        assert unsaid(app, state) == []
        app.live.series.entitle("41.237 req/s")
        assert unsaid(app, state) == ["41.237 req/s"]
