"""Draw the screen in every scene and size: `python -m tests.tui.pictures FOLDER`, as SVG."""

import asyncio
import sys
from pathlib import Path

from tests.tui import scripts
from tests.tui.fake import FakeRuntime
from tui.app import MarskitApp

SIZES = ((80, 24), (120, 40), (160, 50))
SCENES = (
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


async def draw(folder: Path, names: list[str]) -> None:
    for scene in SCENES:
        if names and scene.__name__ not in names:
            continue
        for width, height in SIZES:
            app = MarskitApp(FakeRuntime(scene()))
            async with app.run_test(size=(width, height)) as pilot:
                await pilot.pause()
                svg = app.export_screenshot()
                (folder / f"{scene.__name__}-{width}x{height}.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(draw(Path(sys.argv[1]), sys.argv[2:]))
