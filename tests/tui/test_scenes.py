"""Every scene at every size is drawn without an error and says what matters."""

from collections.abc import Callable

import pytest

from marskit.tui.app import MarskitApp
from marskit.tui.widgets.canvas import Canvas
from tests.tui import scripts
from tests.tui.fake import FakeRuntime
from tests.tui.pictures import SCENES, SIZES
from tests.tui.scripts import Story


def text_of(app: MarskitApp) -> str:
    """What the screen shows, without colours."""
    lines = []
    for canvas in app.screen.query("Canvas"):
        if isinstance(canvas, Canvas) and canvas.display:
            lines += ["".join(text for text, _ in row) for row in canvas.draw(*canvas.size)]
            lines += [str(canvas.border_title or ""), str(canvas.border_subtitle or "")]
    return "\n".join(lines)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
async def test_every_scene_is_drawn_at_every_size(scene: Callable[[], Story]) -> None:
    for size in SIZES:
        app = MarskitApp(FakeRuntime(scene()))
        async with app.run_test(size=size):
            assert "marskit" in text_of(app)


async def test_a_failed_start_says_why() -> None:
    app = MarskitApp(FakeRuntime(scripts.failed()))
    async with app.run_test(size=(120, 40)):
        assert "Port 10000 is in use" in text_of(app)
        assert "failed" in text_of(app)
