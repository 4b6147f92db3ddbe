"""Forms: typed, checked, shown as diff and command, and only then submitted."""

import time
from collections.abc import Callable

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from marskit.domain import commands
from marskit.domain.actions import SetOutlierDetection, SetRetries, SetTimeout
from marskit.domain.config import OutlierDetection, Retries
from marskit.domain.loop_events import Executed
from marskit.tui.app import MarskitApp
from marskit.tui.screens.form import FormScreen
from marskit.views.forms import Setting
from tests.tui import scripts
from tests.tui.fake import FakeRuntime
from tests.tui.test_scenes import text_of

Compare = Callable[..., bool]
SET_800 = SetTimeout("recommendations", 2, 800)


def fill_in(app: MarskitApp, setting: Setting) -> FormScreen:
    app.fill_in(next(form for form in app.forms() if form.setting is setting))
    assert isinstance(app.screen, FormScreen)
    return app.screen


async def until(pilot: Pilot[int], holds: Callable[[], bool], within_s: float = 5.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come to that"
        await pilot.pause(0.02)


async def test_a_timeout_is_typed_shown_and_applied() -> None:
    runtime = FakeRuntime(scripts.healthy())
    app = MarskitApp(runtime)
    async with app.run_test(size=(120, 40)) as pilot:
        fill_in(app, Setting.TIMEOUT)
        await pilot.pause()
        assert app.focused is app.screen.query_one(Input)
        assert "This is what is set now." in text_of(app)
        assert runtime.previewed == []
        await pilot.press(*"800")
        await until(pilot, lambda: "$ kubectl 'set timeout of recommendations[2] to 800 ms'" in text_of(app))
        assert "+++ b/virtualservice/recommendations[2]" in text_of(app)
        assert runtime.commands == []
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.live)
        assert runtime.commands == [commands.Act(SET_800)]


async def test_an_empty_field_removes_the_setting() -> None:
    runtime = FakeRuntime(scripts.healthy())
    app = MarskitApp(runtime)
    async with app.run_test(size=(80, 24)) as pilot:
        fill_in(app, Setting.TIMEOUT)
        await pilot.press("delete", "enter")
        await until(pilot, lambda: app.screen is app.live)
        fill_in(app, Setting.OUTLIER_DETECTION)
        await pilot.press("delete", "enter")
        await until(pilot, lambda: app.screen is app.live)
    assert runtime.commands == [
        commands.Act(SetTimeout("recommendations", 2, None)),
        commands.Act(SetOutlierDetection("payments", None)),
    ]


async def test_fields_are_reached_by_the_arrows_and_a_condition_is_completed() -> None:
    runtime = FakeRuntime(scripts.healthy())
    app = MarskitApp(runtime)
    async with app.run_test(size=(120, 40)) as pilot:
        form = fill_in(app, Setting.RETRIES)
        await pilot.press("2", "down", *"250", "tab", *"5xx")
        await until(pilot, lambda: form.query_one("#retry_on", Input)._suggestion != "")
        await pilot.press("right", "enter")
        await until(pilot, lambda: app.screen is app.live)
        form = fill_in(app, Setting.OUTLIER_DETECTION)
        await pilot.press("down", "down", *"7000", "up", "up", "3", "enter")
        await until(pilot, lambda: app.screen is app.live)
    retries = Retries(2, 250, "5xx,connect-failure,refused-stream,reset")
    assert runtime.commands == [
        commands.Act(SetRetries("recommendations", 2, retries)),
        commands.Act(SetOutlierDetection("payments", OutlierDetection(3, 1000, 7000, 34))),
    ]


async def test_what_is_wrong_is_said_and_neither_asked_nor_applied() -> None:
    runtime = FakeRuntime(scripts.healthy())
    app = MarskitApp(runtime)
    async with app.run_test(size=(80, 24)) as pilot:
        form = fill_in(app, Setting.TIMEOUT)
        await pilot.press("8", "s", "enter")
        await pilot.pause()
        assert app.screen == form
        assert "The timeout must be a whole number from 1 to 86400000 ms, not" in text_of(app)
        # "8" alone was one, and was asked about.
        assert runtime.previewed == [SetTimeout("recommendations", 2, 8)]
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.live)
    assert runtime.commands == []


async def test_a_refusal_keeps_the_form_open_until_it_is_allowed() -> None:
    runtime = FakeRuntime(scripts.healthy())
    runtime.refuse = "virtualservice/recommendations[2] was changed 2 s ago; its cool-down is 10 s."
    app = MarskitApp(runtime)
    async with app.run_test(size=(120, 40)) as pilot:
        form = fill_in(app, Setting.TIMEOUT)
        await pilot.press(*"800", "enter")
        await until(pilot, lambda: "cool-down is 10 s." in text_of(app))
        assert app.screen == form
        assert runtime.commands == []
        runtime.refuse = None
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.live)
    assert runtime.commands == [commands.Act(SET_800)]


async def test_an_open_form_follows_what_the_loop_sets_and_keeps_what_was_typed() -> None:
    story = scripts.healthy()
    runtime = FakeRuntime(story)
    app = MarskitApp(runtime)
    async with app.run_test(size=(120, 40)) as pilot:
        form = fill_in(app, Setting.TIMEOUT)
        await pilot.press(*"800")
        story.configuration = scripts.with_timeout(800)
        story.write(SET_800)
        executed = story.events[-1]
        assert isinstance(executed, Executed)
        runtime.tell(executed)
        await until(pilot, lambda: "This is what is set now." in text_of(app))
        assert str(form.query_one(".now", Static).content) == "Now: 800 ms."
        assert form.query_one(Input).value == "800"


async def test_the_palette_offers_every_form() -> None:
    runtime = FakeRuntime(scripts.healthy())
    app = MarskitApp(runtime)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("colon")
        await pilot.pause()
        await pilot.press(*"retries")
        await app.workers.wait_for_complete()
        await pilot.pause(0.2)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, FormScreen))
        assert isinstance(app.screen, FormScreen)
        assert app.screen.form.title == "Set the retries of recommendations[2] (split)"


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
@pytest.mark.parametrize(
    ("setting", "typed"),
    [
        (Setting.TIMEOUT, ("8", "0", "0")),
        (Setting.RETRIES, ("2", "tab", "tab", *"5xx,never")),
        (Setting.OUTLIER_DETECTION, ("3",)),
    ],
    ids=lambda value: value.name.lower() if isinstance(value, Setting) else "",
)
def test_the_form(
    setting: Setting, typed: tuple[str, ...], size: tuple[int, int], snap_compare: Compare
) -> None:
    app = MarskitApp(FakeRuntime(scripts.healthy()))

    async def fill(pilot: Pilot[int]) -> None:
        form = fill_in(app, setting)
        await pilot.pause()
        for field in form.query(Input):
            field.cursor_blink = False
        await pilot.press(*typed)
        await pilot.pause(0.2)

    assert snap_compare(app, run_before=fill, terminal_size=size)
