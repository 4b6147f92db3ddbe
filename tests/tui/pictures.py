"""Draw the screen in every scene and size: `python -m tests.tui.pictures FOLDER [SCENE ...]`, as SVG."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

from marskit.tui.app import MarskitApp
from tests.tui import scripts
from tests.tui.fake import FakeRuntime
from tests.tui.scripts import Story

SIZES = ((80, 24), (120, 40), (160, 50))
SCENES: tuple[Callable[[], Story], ...] = (
    Story,
    scripts.starting,
    scripts.up,
    scripts.healthy,
    scripts.violated,
    scripts.planned,
    scripts.executed,
    scripts.recovered,
    scripts.awaiting,
    scripts.failed,
)
KEYS = {
    "help": ("question_mark",),
    "picker": ("m",),
    "kill": ("k",),
    "phase": ("enter",),
    "node": ("shift+tab", "down", "enter"),
    "palette": ("colon",),
    "refused": ("right_square_bracket", "right_square_bracket"),
}
"""What opens over the screen, by the keys that open it."""


async def draw(folder: Path, names: list[str]) -> None:
    for scene in SCENES:
        if not names or scene.__name__ in names:
            await picture(folder, scene.__name__, scene, ())
    for name, keys in KEYS.items():
        if not names or name in names:
            await picture(folder, name, scripts.recovered, keys)


async def picture(folder: Path, name: str, scene: Callable[[], Story], keys: tuple[str, ...]) -> None:
    for width, height in SIZES:
        app = MarskitApp(FakeRuntime(scene()))
        async with app.run_test(size=(width, height)) as pilot:
            await pilot.pause()
            await pilot.press(*keys)
            await pilot.pause(0.3)
            svg = app.export_screenshot()
        (folder / f"{name}-{width}x{height}.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(draw(Path(sys.argv[1]), sys.argv[2:]))
