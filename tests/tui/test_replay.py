"""A recording on the live screen: keys and mouse move in time, and nothing can be changed."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot

from marskit.replay.branched import Branched, Headline, Moment, ReplayError, Side
from marskit.replay.timeline import Stop, Timeline
from marskit.tui.drawing.rows import length
from marskit.tui.key_names import hint_words
from marskit.tui.keys import KEYS
from marskit.tui.replay_app import Read, ReplayApp, Tell, run_replay
from marskit.tui.replay_keys import REFUSED, REPLAY_KEYS
from marskit.tui.screens.branch import BranchScreen
from marskit.tui.screens.document import DocumentScreen
from marskit.tui.screens.picker import Picker
from marskit.tui.widgets.branch import Beside
from marskit.views.branching import cycle_to_branch
from marskit.views.loop import DECISIONS, STEPS, UNDOES
from tests.tui import scripts
from tests.tui.test_app import until
from tests.tui.test_scenes import text_of

TIMELINE = Timeline(scripts.recovered().events)
SIZES = ((80, 24), (120, 40), (200, 50))


@asynccontextmanager
async def replay(
    size: tuple[int, int] = (120, 40), cycle: int | None = None
) -> AsyncIterator[tuple[ReplayApp, Pilot[int]]]:
    app = ReplayApp(lambda tell: TIMELINE, cycle=cycle)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: f"/{len(TIMELINE)}" in text_of(app) or "#" in text_of(app))
        yield app, pilot


def said(app: ReplayApp) -> list[str]:
    return [notification.message for notification in app._notifications]


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_every_size_shows_where_it_is_and_the_hash_of_the_state(size: tuple[int, int]) -> None:
    async with replay(size, cycle=4) as (app, _):
        begin = TIMELINE.begin_of(4)
        assert begin is not None
        last = max(TIMELINE.cycles)
        assert f"cycle 4/{last} · Monitor · " in text_of(app)
        assert f"#{TIMELINE.hash_at(begin)[:8]}" in text_of(app)
        assert "recorded" in text_of(app)
        assert "loop paused" not in text_of(app)
        # No row of keys is cut.
        assert "q quit" in text_of(app)


@pytest.mark.parametrize(
    ("key", "stop", "back"),
    [
        ("full_stop", Stop.EVENT, False),
        ("comma", Stop.EVENT, True),
        ("s", Stop.PHASE, False),
        ("S", Stop.PHASE, True),
        ("c", Stop.CYCLE, False),
        ("C", Stop.CYCLE, True),
        ("n", Stop.VIOLATION, False),
        ("a", Stop.ACTION, False),
    ],
    ids=str,
)
async def test_a_key_goes_to_its_stop(key: str, stop: Stop, back: bool) -> None:  # noqa: FBT001
    async with replay(cycle=5) as (app, pilot):
        await pilot.press(key)
        begin = TIMELINE.begin_of(5) or 0
        assert app.player.step == (TIMELINE.before if back else TIMELINE.after)(stop, begin)
        assert app.live.state == TIMELINE.state_at(app.player.step)
        assert f"#{TIMELINE.hash_at(app.player.step)[:8]}" in text_of(app)


async def test_back_is_where_one_came_from_and_a_missing_stop_is_told() -> None:
    async with replay() as (app, pilot):
        await pilot.press("end")
        assert app.player.step == len(TIMELINE)
        await pilot.press("A", "N")
        assert app.player.step == TIMELINE.before(Stop.VIOLATION, TIMELINE.stops(Stop.ACTION)[-1])
        await pilot.press("home")
        assert app.player.step == 1
        await pilot.press("N")
        assert said(app) == ["No violation before this one."]


async def test_a_step_turns_to_the_phase_that_it_reached() -> None:
    async with replay(cycle=5) as (app, pilot):
        shown = []
        for _ in range(3):
            await pilot.press("s")
            shown.append(str(app.live.rail.selected))
        assert shown == ["monitor", "analyse", "plan"]
        await pilot.press("S")
        assert app.live.rail.selected == "analyse"
        assert "analyse · cycle 5" in text_of(app)


async def test_it_opens_on_the_first_cycle_and_offers_no_key_that_does_nothing() -> None:
    async with replay() as (app, pilot):
        first = next(iter(TIMELINE.cycles))
        assert f"cycle {first}/" in text_of(app)
        assert app.player.step == TIMELINE.begin_of(first)
        for _ in range(len(TIMELINE.cycles) * 2):
            shown = text_of(app)
            assert "► running" not in shown
            assert "‖ paused" not in shown
            assert not any(hint_words(offer) in shown for offer in (*DECISIONS, STEPS, UNDOES))
            await pilot.press("s")
        await pilot.press("colon", *"cycle 4", "enter")
        await until(pilot, lambda: "cycle 4/" in text_of(app))


async def test_playing_moves_and_pausing_stays() -> None:
    async with replay() as (app, pilot):
        assert "space play" in text_of(app)
        await pilot.press("plus", "plus", "plus", "space")
        assert "×8" in text_of(app)
        assert "space pause" in text_of(app)
        await until(pilot, lambda: app.player.step > 5)
        await pilot.press("space")
        step = app.player.step
        await pilot.pause(0.3)
        assert (app.player.step, app.player.playing) == (step, False)
        await pilot.press("minus")
        assert app.player.speed == 4.0


async def test_the_mouse_goes_anywhere_on_the_bar() -> None:
    async with replay() as (app, pilot):
        await pilot.click("#transport", offset=(119, 1))
        await pilot.pause()
        assert app.player.step == len(TIMELINE)
        await pilot.mouse_down("#transport", offset=(10, 1))
        await pilot.hover("#transport", offset=(60, 1))
        await pilot.mouse_up("#transport", offset=(60, 1))
        await pilot.pause()
        assert app.player.position.at_s == pytest.approx(60 / 119 * TIMELINE.end_s, abs=1.5)
        step = app.player.step
        await pilot.hover("#transport", offset=(20, 1))
        await pilot.click("#transport", offset=(20, 0))
        await pilot.pause()
        assert app.player.step == step


async def test_arrows_scrub_where_the_bar_has_the_focus() -> None:
    async with replay() as (app, pilot):
        await pilot.press("end")
        app.replay_screen.transport.focus()
        await pilot.press("left", "left")
        assert app.player.position.at_s < TIMELINE.end_s


async def test_what_would_change_the_mesh_is_refused_in_one_sentence() -> None:
    async with replay(cycle=5) as (app, pilot):
        step = app.player.step
        await pilot.press(*REFUSED.split(","))
        assert set(said(app)) == {"A recording cannot be changed; branch with b."}
        assert len(said(app)) == len(REFUSED.split(","))
        assert app.player.step == step


def test_every_key_of_a_live_run_moves_or_is_refused_or_is_of_no_use() -> None:
    here = {name for key in REPLAY_KEYS for name in key.keys.split(",")} | set(REFUSED.split(","))
    live = {name for key in KEYS for name in key.keys.split(",")}
    assert live - here == {"t"}
    names = [name for key in REPLAY_KEYS for name in key.keys.split(",")] + REFUSED.split(",")
    assert len(names) == len(set(names))


async def test_help_tells_the_keys_of_the_replay() -> None:
    async with replay() as (app, pilot):
        await pilot.press("question_mark")
        assert isinstance(app.screen, DocumentScreen)
        help_text = text_of(app)
        assert "On to the violation of an objective after" in help_text
        assert "Kill a replica" not in help_text


async def test_leaving_ends_well_whatever_the_run_came_to() -> None:
    app = ReplayApp(lambda tell: Timeline(scripts.failed().events))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("end", "q")
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value == 0


async def test_how_far_the_reading_is_is_shown_until_it_is_done() -> None:
    go_on = threading.Event()

    def read(tell: Tell) -> Timeline:
        tell("reading", 1, 4)
        assert go_on.wait(10)
        return TIMELINE

    app = ReplayApp(read)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "reading… 25 %" in text_of(app))
        await pilot.press("s", "space", "b")
        go_on.set()
        await until(pilot, lambda: "#" in text_of(app))


async def test_what_could_not_be_read_of_it_is_told() -> None:
    app = ReplayApp(lambda tell: Timeline(TIMELINE.events, notes=("cycles-000001.parquet: it is damaged.",)))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: said(app) == ["cycles-000001.parquet: it is damaged."])


def test_a_recording_that_cannot_be_read_is_one_sentence_and_wrong_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def read(tell: Tell) -> Timeline:
        raise ReplayError("run x: it has no events.")

    headless: Callable[..., object] = ReplayApp.run
    monkeypatch.setattr(ReplayApp, "run", lambda self: headless(self, headless=True, size=(80, 24)))
    reader: Read = read
    assert run_replay(reader, None) == 2
    assert capsys.readouterr().err == "marskit: run x: it has no events.\n"


def side(run: str, planner: str, *, is_simulated: bool = True, p95_ms: float = 100.0) -> Side:
    moments = tuple(Moment(20.0 + 2 * n, p95_ms, 8 + (n > 5), violated=n in (3, 4)) for n in range(20))
    return Side(run, is_simulated, planner, moments, (24.0,), Headline(1.25, 40.5, 3, 1))


FOUND = Branched(
    cycle=5,
    at_s=20.0,
    end_s=58.0,
    service="orders",
    slo_ms=300.0,
    recorded=side("20260101T000000Z-0001", "threshold", is_simulated=False),
    control=side("20260101T000000Z-0002", "as-recorded", p95_ms=120.0),
    branch=side("20260101T000000Z-0003", "hpa", p95_ms=480.0),
    notes=("The branch leaves out 2 manual actions after that moment.",),
)


class FakeBranches:
    """Branches that end when the test says so."""

    def __init__(self, error: str | None = None) -> None:
        self.asked: list[tuple[int, str]] = []
        self.go_on = asyncio.Event()
        self.cancelled = False
        self._error = error

    async def branch(self, cycle: int, planner: str, tell: Tell) -> Branched:
        self.asked.append((cycle, planner))
        tell(planner, 1, 20)
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        if self._error:
            raise ReplayError(self._error)
        return FOUND


async def test_b_asks_who_decides_and_shows_both_sides_once_it_is_done() -> None:
    branches = FakeBranches()
    app = ReplayApp(lambda tell: TIMELINE, branches, cycle=5)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: "#" in text_of(app))
        await pilot.press("w")
        assert said(app) == ["No branch yet.   b to create one"]
        await pilot.press("b")
        assert isinstance(app.screen, Picker)
        assert app.screen.question.title == "Which planner decides from cycle 5 on, in the twin?"
        await pilot.press("3")
        await until(pilot, lambda: f"branch: {branches.asked[0][1]} 1 of 20 (5.0 %)" in text_of(app))
        started = TIMELINE.started
        assert started is not None
        assert branches.asked == [(5, started.planners[2])]
        # The replay goes on meanwhile, and there is one branch at a time.
        await pilot.press("s", "b")
        assert said(app)[-1] == "Another branch is still running."
        branches.go_on.set()
        await until(pilot, lambda: isinstance(app.screen, BranchScreen))
        await pilot.press("escape")
        assert "1 of 20" not in text_of(app)
        await pilot.press("w")
        assert isinstance(app.screen, BranchScreen)


async def test_a_branch_that_fails_says_why_and_leaving_gives_it_up() -> None:
    branches = FakeBranches("The manifests are not those of run x.")
    app = ReplayApp(lambda tell: TIMELINE, branches, cycle=5)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: "#" in text_of(app))
        await pilot.press("b", "enter")
        branches.go_on.set()
        await until(pilot, lambda: said(app) == ["The manifests are not those of run x."])
        branches.go_on.clear()
        await pilot.press("b", "enter")
        await until(pilot, lambda: len(branches.asked) == 2)
        await pilot.press("q")
    assert branches.cancelled


async def test_a_cycle_that_has_acted_is_left_for_the_next_one() -> None:
    async with replay() as (app, pilot):
        asked = []
        for stops in ("c", "s", "s", "s"):
            await pilot.press(stops)
            asked.append((app.player.position.cycle, cycle_to_branch(app.player)))
        last = max(TIMELINE.cycles)
        assert asked == [(1, 2), (2, 2), (2, 2), (2, 2)]
        await pilot.press("end")
        assert cycle_to_branch(app.player) == last


async def test_the_last_cycle_cannot_be_branched_from_and_b_says_so_at_once() -> None:
    app = ReplayApp(lambda tell: TIMELINE, FakeBranches())
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: "#" in text_of(app))
        await pilot.press("end", "b")
        started = TIMELINE.started
        assert started is not None
        last = max(TIMELINE.cycles)
        assert said(app) == [
            f"Run {started.run} has nothing after cycle {last} to compare with; "
            f"cycles 1 to {last - 1} can be branched from."
        ]
        assert not isinstance(app.screen, Picker)


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_both_sides_fit_every_size(size: tuple[int, int]) -> None:
    app = ReplayApp(lambda tell: TIMELINE)
    async with app.run_test(size=size) as pilot:
        app.push_screen(BranchScreen(FOUND))
        await pilot.pause()
        shown = text_of(app)
        for words in (
            "hpa instead of threshold from cycle 5 (00:20) to 00:58",
            "recorded (real)  same (twin)  hpa (twin)",
            "SLO-violation minutes",
            "The recording comes from the real mesh, the other two columns from the twin",
            "ready replicas",
            "▲",
            "▄",
        ):
            assert words in shown
        # Both columns have the same axes.
        assert shown.count("500 ms") == 2
        beside = app.screen.query_one(Beside)
        rows = beside.draw(*beside.size)
        assert len(rows) == beside.size.height
        assert max(map(length, rows)) <= beside.size.width
