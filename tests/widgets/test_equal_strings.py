"""What the panels show is what the views say, as on the terminal's screen: every string, in three runs."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

from marskit.domain.state import State
from marskit.widgets.dashboard import Dashboard
from tests.tui.test_equal_strings import Run, approval, flash_crowd, states, twin
from tests.views.said import Vocabulary, strings, views_of
from tests.widgets.test_dashboard import Shown

pytestmark = pytest.mark.notebook
OWN = {"›", "cancel"}
"""What the panels say by themselves: what stands between words, and the way out of a question."""


class Texts(HTMLParser):
    """Every piece of text of a picture."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.feed(html)

    def handle_data(self, data: str) -> None:
        self.pieces += [part for part in data.split(" › ") if part.strip()]


def unsaid(dashboard: Dashboard, state: State) -> list[str]:
    """What the panels show, but no view of that state says."""
    vocabulary = Vocabulary(strings(views_of(state)) | OWN)
    pieces = (
        piece
        for name, panel in dashboard.panels.items()
        for picture in [panel.picture(state)]
        for piece in Texts(picture).pieces
    )
    return [piece for piece in pieces if not vocabulary.covers(piece)]


@pytest.mark.parametrize("run", [flash_crowd, approval, twin], ids=lambda run: run.__name__)
def test_every_string_of_the_panels_comes_from_the_views(run: Run, tmp_path: Path) -> None:
    shown = Shown()
    dashboard = Dashboard(shown)
    seen = 0
    for state in states(run(tmp_path)):
        shown.runtime.state = state
        assert unsaid(dashboard, state) == []
        seen += 1
    dashboard.close()
    assert seen > 20
