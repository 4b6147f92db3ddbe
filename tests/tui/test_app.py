"""States come in from another thread, failures become sentences, and leaving ends in time."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from marskit.domain import commands
from marskit.domain.actions import Scale
from marskit.domain.diagnosis import Severity
from marskit.domain.events import Event, Noticed, Progressed, RunEnded
from marskit.domain.loop_events import ApprovalAwaited, Replanned
from marskit.domain.records import Mode, Phase
from marskit.domain.state import State, fold
from marskit.system.user_settings import keep_setting
from marskit.tui.app import FRAME_S, MarskitApp
from marskit.tui.looks import Looks
from marskit.tui.messages import StateChanged, Told
from marskit.tui.run import run
from marskit.tui.screens.confirm import Confirm
from marskit.views import review
from marskit.views.notices import Notice
from tests.paths import ROOT
from tests.tui import scripts
from tests.tui.fake import FakeRuntime
from tests.tui.scripts import Story
from tests.tui.test_scenes import text_of


async def until(pilot: Pilot[int], holds: Callable[[], bool], within_s: float = 5.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come to that"
        await pilot.pause(0.02)


def test_a_newer_state_replaces_an_older_one_and_nothing_else() -> None:
    newer, older = StateChanged(State()), StateChanged(State())
    assert newer.can_replace(older)
    assert not newer.can_replace(Told(Notice("no")))
    assert not Told(Notice("no")).can_replace(older)


async def test_a_flood_of_events_is_drawn_a_few_times_and_ends_up_to_date(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runtime = FakeRuntime(scripts.healthy())
    app = MarskitApp(runtime)
    drawn: list[float] = []
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(2 * FRAME_S)
        show = app.live.show

        def count(state: State) -> None:
            drawn.append(state.now_s)
            show(state)

        monkeypatch.setattr(app.live, "show", count)
        began = time.monotonic()
        flood = [Noticed(100.0 + i, Severity.INFO, "test", f"event {i}") for i in range(2000)]
        thread = threading.Thread(target=runtime.tell, args=flood)
        thread.start()
        await until(pilot, lambda: bool(drawn) and drawn[-1] == 2099.0)
        took_s = time.monotonic() - began
        thread.join()
        assert len(drawn) <= took_s / FRAME_S + 2
        assert "event 1999" in text_of(app)


async def test_nothing_is_drawn_while_nothing_changes() -> None:
    runtime = FakeRuntime(scripts.healthy())
    app = MarskitApp(runtime)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(2 * FRAME_S)
        before = app.live.topology.draws
        runtime.tell(Noticed(runtime.state.now_s, Severity.INFO, "test", "only the log changes"))
        await until(pilot, lambda: "only the log" in text_of(app))
        assert app.live.topology.draws == before


async def test_a_command_that_fails_is_told_with_its_sentence() -> None:
    runtime = FakeRuntime(scripts.healthy())
    runtime.refuse = "There is nothing to undo."
    app = MarskitApp(runtime)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("x")
        await pilot.pause()
        assert [(n.message, n.severity) for n in app._notifications] == [
            ("There is nothing to undo.", "warning")
        ]


async def test_the_first_frame_needs_no_event_and_the_mesh_comes_up_before_ones_eyes() -> None:
    runtime = FakeRuntime()
    app = MarskitApp(runtime)
    async with app.run_test(size=(120, 40)) as pilot:
        assert "The mesh appears here" in text_of(app)
        runtime.tell(*scripts.starting().events)
        await until(pilot, lambda: "5 of 8 ready" in text_of(app))
        assert "recommendations-music" in text_of(app)
        runtime.tell(*scripts.healthy().events)
        await until(pilot, lambda: "SLO met" in text_of(app))
        assert "http://127.0.0.1:10000" in text_of(app)


async def test_stepping_shows_the_phase_that_was_reached() -> None:
    story = scripts.violated()
    runtime = FakeRuntime(story)
    app = MarskitApp(runtime)
    async with app.run_test(size=(120, 40)) as pilot:
        assert app.live.rail.selected == "analyse"
        before = len(story.events)
        story.plan(Scale("payments", 4))
        runtime.tell(*story.events[before:])
        await until(pilot, lambda: app.live.rail.selected == "plan")
        assert "plan · cycle 9" in text_of(app)


async def test_a_plan_that_waits_turns_to_it_and_offers_the_verdict() -> None:
    app = MarskitApp(FakeRuntime(scripts.awaiting()))
    async with app.run_test(size=(120, 40)):
        assert app.live.rail.selected == "plan"
        assert "Approval needed: scale payments to 4" in text_of(app)
        assert "a approve r reject" in text_of(app)


async def test_a_person_who_looks_at_a_phase_keeps_it_while_the_loop_runs() -> None:
    story = scripts.healthy()
    runtime = FakeRuntime(story)
    app = MarskitApp(runtime)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("right", "right")
        assert app.live.rail.selected == "execute"
        before = len(story.events)
        story.observe().turn()
        runtime.tell(*story.events[before:])
        await until(pilot, lambda: "execute · cycle 9" in text_of(app))


async def test_a_short_screen_shows_one_panel_after_the_other() -> None:
    app = MarskitApp(FakeRuntime(scripts.recovered()))
    async with app.run_test(size=(80, 24)) as pilot:
        shown = []
        for _ in range(4):
            panels = (app.live.series, app.live.load, app.live.log_panel)
            shown.append([panel.id for panel in panels if panel.styles.display == "block"])
            await pilot.press("v")
        assert shown == [["series"], ["load"], ["log"], ["series"]]


async def test_leaving_shows_how_the_mesh_goes_down_and_ends_well() -> None:
    runtime = SlowToStop(scripts.healthy())
    app = MarskitApp(runtime)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("q", "y")
        await until(pilot, lambda: "Stopping the load and the mesh" in text_of(app))
        runtime.tell(Progressed(60.0, "load", "stopped"))
        await until(pilot, lambda: "✔ load  stopped" in text_of(app) and "stopping" in text_of(app))
        runtime.go_on.set()
        await until(pilot, lambda: app.return_value is not None)
    assert (runtime.stopped, app.return_value) == (True, 0)


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_leaving_a_live_run_is_asked_about(key: str) -> None:
    runtime = FakeRuntime(scripts.healthy())
    app = MarskitApp(runtime)
    async with app.run_test(size=(80, 24)) as pilot:
        for no in ("escape", "n"):
            await pilot.press(key, no)
            await pilot.pause(0.1)
            assert not runtime.stopped
            assert app.screen is app.live
        await pilot.press(key)
        assert isinstance(app.screen, Confirm)
        await pilot.press(key)
        await until(pilot, lambda: app.return_value is not None)
    assert (runtime.stopped, app.return_value) == (True, 0)


@pytest.mark.parametrize("scene", [scripts.starting, scripts.failed])
async def test_leaving_what_does_not_run_is_not_asked_about(scene: Callable[[], Story]) -> None:
    runtime = FakeRuntime(scene())
    app = MarskitApp(runtime)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("q")
        await until(pilot, lambda: app.return_value is not None)
    assert runtime.stopped


async def test_a_screenshot_says_where_it_is_or_why_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = MarskitApp(FakeRuntime(scripts.healthy()))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("colon", *"screenshot", "enter")
        await until(pilot, lambda: bool(app._notifications))
        monkeypatch.setattr(Path, "cwd", lambda: Path("/proc"))
        await pilot.press("colon", *"screenshot", "enter")
        await until(pilot, lambda: len(list(app._notifications)) == 2)
        saved, failed = (notification.message for notification in app._notifications)
    with open(saved.removeprefix("The screenshot is saved as ").removesuffix(".")) as kept:  # noqa: ASYNC230, PTH123
        assert "payments" in kept.read()
    assert saved.startswith(f"The screenshot is saved as {tmp_path}/marskit-")
    assert failed.startswith("The screenshot cannot be saved as /proc/marskit-")


async def test_leaving_twice_leaves_at_once() -> None:
    runtime = SlowToStop(scripts.healthy())
    app = MarskitApp(runtime)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("q", "q", "q")
        await until(pilot, lambda: app.return_value is not None)
    runtime.go_on.set()
    assert app.return_value == 1


async def test_input_that_is_refused_after_the_first_frame_leaves_by_itself() -> None:
    runtime = FakeRuntime()
    app = MarskitApp(runtime)
    async with app.run_test(size=(120, 40)) as pilot:
        runtime.tell(RunEnded(0.0, "shop.yaml:3: no such field."))
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value == 2


@pytest.mark.parametrize(
    ("story", "clean", "code", "said"),
    [
        (scripts.healthy(), True, 0, ""),
        (scripts.failed(), True, 1, "Port 10000 is in use by another program"),
        (
            Story().tell(RunEnded(0.0, "shop.yaml:3: no such field.")),
            True,
            2,
            "shop.yaml:3: no such",
        ),
        (scripts.healthy(), False, 1, "did not stop in time"),
    ],
    ids=["well", "failed", "refused", "late"],
)
def test_the_exit_code_and_stderr_tell_how_it_ended(
    story: Story,
    clean: bool,  # noqa: FBT001
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    runtime = FakeRuntime(story)
    runtime.stops_cleanly = clean
    headless = MarskitApp.run

    async def leave(pilot: Pilot[object]) -> None:
        await pilot.press("q", "q")

    monkeypatch.setattr(
        MarskitApp, "run", lambda self: headless(self, headless=True, auto_pilot=leave, size=(80, 24))
    )
    assert run(runtime) == code
    assert said in capsys.readouterr().err


class SlowToStop(FakeRuntime):
    """Stops when the test lets it."""

    def __init__(self, story: Story) -> None:
        super().__init__(story)
        self.go_on = threading.Event()

    def stop(self, timeout_s: float) -> bool:
        self.stopped = True
        self.go_on.wait(timeout_s)
        self.tell(RunEnded(self.state.now_s, None))
        return True


def test_the_screen_loads_nothing_heavy_and_nothing_of_the_run() -> None:
    heavy = (
        "polars",
        "httpx",
        "aiohttp",
        "yaml",
        "psutil",
        "locust",
        "gevent",
        "torch",
        "marskit.controller.runtime",
        "marskit.controller.controller",
        "marskit.mesh",
    )
    code = f"import sys, marskit.tui.app; print([m for m in {heavy!r} if m in sys.modules])"
    root = ROOT
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=str)
async def test_nothing_moves_when_a_banner_or_a_toast_comes(size: tuple[int, int]) -> None:
    story = scripts.violated(Mode.APPROVE)
    runtime = FakeRuntime(story)
    app = MarskitApp(runtime)
    async with app.run_test(size=size, notifications=True) as pilot:
        panels = (app.live.topology, app.live.rail, app.live.key_bar)
        before = [panel.region for panel in panels]
        told = len(story.events)
        story.plan(Scale("payments", 4)).await_approval()
        runtime.tell(*story.events[told:])
        await until(pilot, lambda: app.live.banner.display)
        app.notify("Something happened.")
        await pilot.pause(0.2)
        (toast,) = app.screen.query("Toast")
        needed = (app.live.load, app.live.detail, app.live.rail, app.live.key_bar, app.live.banner)
        assert not any(toast.region.overlaps(panel.region) for panel in needed if panel.display)
        assert [panel.region.y for panel in panels[:2]] == [region.y for region in before[:2]]
        assert app.live.topology.region == before[0]


async def test_what_is_being_read_stays_until_a_newer_one_is_asked_for() -> None:
    story = scripts.violated()
    runtime = FakeRuntime(story)
    app = MarskitApp(runtime)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("enter")
        assert "cycle 9" in words(app)
        read = text_of(app)
        told = len(story.events)
        story.plan().enter(Phase.EXECUTE).finish().observe(5).turn()
        runtime.tell(*story.events[told:])
        await until(pilot, lambda: "r shows cycle 10" in words(app))
        assert text_of(app) == read
        assert "Analyse · cycle 9" in words(app)
        await pilot.press("r")
        assert "Analyse · cycle 10" in words(app)


def words(app: MarskitApp) -> str:
    """The titles and hints of what is open."""
    return "\n".join(str(static.content) for static in app.screen.query(Static))


async def test_a_double_click_opens_and_tab_shows_where_it_is() -> None:
    app = MarskitApp(FakeRuntime(scripts.healthy()))
    async with app.run_test(size=(120, 40)) as pilot:
        hit = next(hit for hit in app.live.topology.drawing.hits if hit.name == "payments")
        await pilot.click("#mesh", offset=(hit.x + 4, hit.y + 2), times=2)
        await pilot.pause()
        assert "payments · " in words(app)
        await pilot.press("escape")
        focused = set()
        for _ in range(3):
            assert app.focused is not None
            focused.add(app.focused.id)
            selected = [role for row in app.live.rail.draw(120, 6) for _, role in row if role == "selected"]
            assert bool(selected) == (app.focused is app.live.rail)
            await pilot.press("tab")
        assert focused == {"mesh", "rail", "log"}


async def test_a_theme_is_kept_for_the_next_start_and_a_calm_screen_draws_once_a_second() -> None:
    app = MarskitApp(FakeRuntime(scripts.healthy()))
    async with app.run_test(size=(120, 40)) as pilot:
        assert app.theme == "marskit-night"
        await pilot.press("colon", *"theme day", "enter")
        await until(pilot, lambda: app.theme == "marskit-day")
    assert MarskitApp(FakeRuntime()).theme == "marskit-day"
    assert MarskitApp(FakeRuntime(), looks=Looks("night")).theme == "marskit-night"
    assert MarskitApp(FakeRuntime(), looks=Looks(calm=True)).frame_s == 1.0
    keep_setting("theme", "no such theme")
    assert MarskitApp(FakeRuntime()).theme == "marskit-night"


async def test_the_review_opens_by_itself_and_esc_puts_it_away_until_there_is_another_plan() -> None:
    runtime = FakeRuntime(scripts.violated(Mode.APPROVE))
    story = scripts.awaiting()
    app = MarskitApp(runtime)
    async with app.run_test(size=(120, 40)) as pilot:
        assert "review" not in text_of(app)
        runtime.tell(*story.events[-3:])
        await until(pilot, lambda: "review · cycle 9" in text_of(app))
        assert "planned just now at 112 req/s, now 112" in text_of(app)
        assert "the twin's prediction" in text_of(app)
        await pilot.press("escape")
        await until(pilot, lambda: "review · cycle 9" not in text_of(app))
        runtime.tell(*replanned(story.state))
        await until(pilot, lambda: "review · cycle 9 · plan 2" in text_of(app))
        assert "the load went from 41 to" in text_of(app)


async def test_a_plan_that_has_just_replaced_another_is_not_approved_by_the_key_for_that_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(review, "UNREAD_S", 600.0)
    story = scripts.awaiting()
    runtime = FakeRuntime(story)
    app = MarskitApp(runtime)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.pause(2 * FRAME_S)
        # The state is newer than the screen: the key is for what is drawn.
        runtime.state = fold(replanned(story.state), runtime.state)
        await pilot.press("a")
        assert runtime.commands == [commands.Approve(9, 1)]
        app.post_message(StateChanged(runtime.state))
        await until(pilot, lambda: "plan 2" in text_of(app))
        await pilot.press("a", "r")
        assert runtime.commands == [commands.Approve(9, 1)]
        assert any("look at it first" in n.message for n in app._notifications)
        monkeypatch.setattr(review, "UNREAD_S", 0.0)
        await pilot.press("a")
        assert runtime.commands[1:] == [commands.Approve(9, 2)]


async def test_an_undo_says_what_it_does_and_when_it_is_done() -> None:
    runtime = FakeRuntime(scripts.recovered())
    app = MarskitApp(runtime)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("u", "enter")
        await until(pilot, lambda: len(app._notifications) == 2)
        assert [n.message for n in app._notifications] == [
            "Undoing: payments 4 → 2…",
            "Undone: payments 4 → 2.",
        ]


@pytest.mark.parametrize("width", [80, 100, 120, 160])
async def test_the_mode_is_in_the_header_at_every_width(width: int) -> None:
    story = scripts.awaiting().observe(20)
    assert story.state.cycle is not None
    story.state = replace(story.state, cycle=replace(story.state.cycle, id=1234))
    app = MarskitApp(FakeRuntime(story))
    async with app.run_test(size=(width, 40)):
        (line,) = app.live.header.draw(width, 1)
        words = "".join(part for part, _ in line)
        assert len(words) <= width
        assert "approve " in words.replace("awaiting approval", "")
        assert "now ✖" in words


def replanned(state: State) -> tuple[Event, ...]:
    """The plan that awaits approval is replaced by another."""
    cycle = state.cycle
    assert cycle is not None
    assert cycle.plan is not None
    assert cycle.observation is not None
    assert cycle.diagnosis is not None
    why = "the load went from 41 to 113 req/s"
    return (
        Replanned(state.now_s, cycle.id, 2, why, cycle.observation, cycle.diagnosis, cycle.plan, cycle.plan),
        ApprovalAwaited(state.now_s, cycle.id, 2),
    )
