"""What the screen looks like, on frozen states; `--snapshot-update` takes it anew."""

from collections.abc import Callable

import pytest

from marskit.tui.app import MarskitApp
from tests.tui import scripts
from tests.tui.fake import FakeRuntime

Compare = Callable[..., bool]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
@pytest.mark.parametrize(
    "scene", [scripts.starting, scripts.awaiting, scripts.recovered], ids=lambda s: s.__name__
)
def test_the_screen(scene: Callable[[], scripts.Story], size: tuple[int, int], snap_compare: Compare) -> None:
    assert snap_compare(MarskitApp(FakeRuntime(scene())), terminal_size=size)


def test_an_execution_in_full(snap_compare: Compare) -> None:
    app = MarskitApp(FakeRuntime(scripts.executed()))
    assert snap_compare(app, press=("enter",), terminal_size=(120, 40))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_a_plan_with_what_is_expected_of_it(size: tuple[int, int], snap_compare: Compare) -> None:
    assert snap_compare(MarskitApp(FakeRuntime(scripts.planned())), terminal_size=size)
