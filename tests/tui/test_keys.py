"""Every key submits what it says, by itself or through its picker."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marskit.domain import commands
from marskit.domain.actions import Scale, ShiftTraffic
from marskit.domain.commands import Command
from marskit.domain.config import Destination, RouteSetting
from marskit.domain.faults import ClearFaults, Delay, HangReplica, InjectErrors, KillReplica, SlowDown
from marskit.domain.records import Mode
from marskit.domain.state import State
from marskit.mapek.plan.weights import apportion_by_name
from marskit.tui.app import MarskitApp
from marskit.tui.finding import entries
from marskit.tui.keys import KEYS
from marskit.tui.screens.document import DocumentScreen
from marskit.tui.screens.picker import Picker
from marskit.views.controls import Intent
from marskit.views.find import Entry, Rank, applies, found
from marskit.views.intents import PACES, resolve_intent
from marskit.views.meaning import SELECT_FIRST, Meaning, Prompt, Refusal
from tests.tui import scripts
from tests.tui.fake import FakeRuntime
from tests.tui.scripts import Story


async def submitted(story: Story, *keys: str) -> list[Command]:
    runtime = FakeRuntime(story)
    async with MarskitApp(runtime).run_test(size=(120, 40)) as pilot:
        await pilot.press(*keys)
        await pilot.pause()
    return runtime.commands


@pytest.mark.parametrize(
    ("keys", "command"),
    [
        (("space",), commands.Pause()),
        (("s",), commands.StepPhase()),
        (("c",), commands.StepCycle()),
        (("L",), commands.SetScenario("spike")),
        (("m", "down", "enter"), commands.SetMode(Mode.RECOMMEND)),
        (("m", "4"), commands.SetMode(Mode.FREEZE)),
        (("p", "down", "enter"), commands.SetPlanner("hpa")),
        (("l", "up", "enter"), commands.SetScenario("steady")),
        (("f",), commands.SetLoadFactor(3.0)),
        (("plus",), commands.SetLoadFactor(1.5)),
        (("equals_sign",), commands.SetLoadFactor(1.5)),
        (("minus",), commands.SetLoadFactor(0.75)),
        (("k", "enter"), commands.Inject(KillReplica("orders"))),
        (("h", "down", "enter"), commands.Inject(HangReplica("payments"))),
        (("d", "2"), commands.Inject(SlowDown("payments", 3.0))),
        (("e", "down", "enter"), commands.Inject(InjectErrors("payments", 20.0))),
        (("w", "down", "enter"), commands.Inject(Delay("payments", 100))),
        (("x",), commands.Inject(ClearFaults())),
        (("right_square_bracket",), commands.Act(Scale("orders", 3))),
        (("left_square_bracket",), commands.Act(Scale("orders", 1))),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
async def test_a_key_submits_its_command(keys: tuple[str, ...], command: Command) -> None:
    assert await submitted(scripts.healthy(), *keys) == [command]


@pytest.mark.parametrize(
    ("key", "command"),
    [("a", commands.Approve(9, 1)), ("r", commands.Reject(9, 1)), ("R", commands.Replan())],
)
async def test_a_verdict_names_the_plan_that_is_shown(key: str, command: Command) -> None:
    assert await submitted(scripts.awaiting(), key) == [command]
    assert await submitted(scripts.healthy(), key) == []


async def test_undo_asks_and_names_what_it_takes_back() -> None:
    story = scripts.recovered()
    meant = resolve_intent(Intent.UNDO, story.state, workload=None, factor=1.0)
    assert isinstance(meant, Prompt)
    assert meant.title == "Undo: payments 4 → 2?"
    assert meant.options[0].note.startswith("takes back: scale payments to 4, ")
    (option,) = meant.options
    assert isinstance(option.command, commands.Undo)
    assert await submitted(story, "u", "enter") == [option.command]
    assert await submitted(story, "u", "escape") == []
    assert await submitted(scripts.healthy(), "u") == []


async def test_the_pace_is_a_twins() -> None:
    assert await submitted(scripts.healthy(), "comma", "full_stop") == []
    story = scripts.healthy()
    started = story.state.started
    assert started is not None
    capabilities = replace(started.capabilities, can_hold_time=True)
    story.state = replace(story.state, started=replace(started, capabilities=capabilities), pace=1.0)
    assert await submitted(story, "comma", "full_stop") == [commands.SetPace(0.5), commands.SetPace(2.0)]
    story.state = replace(story.state, pace=None)
    assert await submitted(story, "full_stop", "comma") == [commands.SetPace(20.0)]


async def test_space_runs_a_paused_loop() -> None:
    assert await submitted(scripts.violated(), "space") == [commands.Run()]


async def test_a_picker_may_be_left_without_a_choice() -> None:
    assert await submitted(scripts.healthy(), "k", "escape", "m", *"no such mode", "enter", "escape") == []


async def test_the_node_selected_in_the_mesh_comes_first_in_the_pickers_and_is_scaled() -> None:
    # From the rail back to the mesh, and from orders to the first workload that it calls.
    keys = ("shift+tab", "right", "k", "enter", "right_square_bracket")
    assert await submitted(scripts.healthy(), *keys) == [
        commands.Inject(KillReplica("payments")),
        commands.Act(Scale("payments", 3)),
    ]


async def test_load_keys_count_on_from_what_was_asked_for_last() -> None:
    factors = await submitted(scripts.healthy(), "plus", "plus", "minus", "f", "f")
    assert factors == [commands.SetLoadFactor(f) for f in (1.5, 2.0, 1.5, 3.0, 1.0)]


async def test_a_mesh_of_one_workload_needs_no_picker() -> None:
    story = scripts.healthy()
    assert story.state.started is not None
    topology = replace(scripts.TOPOLOGY, workloads=scripts.TOPOLOGY.workloads[:1], edges=())
    story.state = replace(story.state, started=replace(story.state.started, topology=topology))
    assert await submitted(story, "k") == [commands.Inject(KillReplica("orders"))]


def test_bounds_and_missing_selections_are_refused_with_a_sentence() -> None:
    state = scripts.healthy().state
    assert resolve_intent(Intent.SCALE_UP, state, workload=None, factor=1.0) == SELECT_FIRST
    story = scripts.healthy().write(Scale("orders", 6))
    assert resolve_intent(Intent.SCALE_UP, story.state, workload="orders", factor=1.0) == Refusal(
        "orders may have 1 to 6 replicas."
    )


def split(*weights: tuple[str, int], index: int = 2, name: str | None = "split") -> RouteSetting:
    destinations = tuple(Destination("shop", subset, f"shop-{subset}", weight) for subset, weight in weights)
    return RouteSetting("shop", index, name, destinations, None, None)


def routed(*routes: RouteSetting) -> State:
    state = scripts.healthy().state
    assert state.configuration is not None
    return replace(state, configuration=replace(state.configuration, routes=routes))


def shift(intent: Intent, *routes: RouteSetting, workload: str | None = "shop-a") -> Meaning:
    return resolve_intent(intent, routed(*routes), workload=workload, factor=1.0)


async def test_traffic_is_shifted_between_the_selected_workload_and_the_others() -> None:
    # From orders to payments and on to the first of the two variants.
    keys = ("shift+tab", "right", "down", "less_than_sign", "greater_than_sign")
    assert await submitted(scripts.healthy(), *keys) == [
        commands.Act(ShiftTraffic("recommendations", 2, (("food", food), ("music", 100 - food))))
        for food in (40, 60)
    ]


@pytest.mark.parametrize(
    ("before", "intent", "after"),
    [
        ((5, 95), Intent.TRAFFIC_DOWN, (0, 100)),
        ((95, 5), Intent.TRAFFIC_UP, (100, 0)),
        # A canary held at 0 gets traffic from a person.
        ((0, 100), Intent.TRAFFIC_UP, (10, 90)),
        ((40, 30, 20, 10), Intent.TRAFFIC_UP, (50, 25, 17, 8)),
        ((40, 30, 20, 10), Intent.TRAFFIC_DOWN, (30, 35, 23, 12)),
        # What has no traffic gets none by the way, unless nothing else could take it.
        ((50, 50, 0), Intent.TRAFFIC_DOWN, (40, 60, 0)),
        ((100, 0, 0), Intent.TRAFFIC_DOWN, (90, 5, 5)),
    ],
)
def test_weights_move_by_ten_points_and_add_up(
    before: tuple[int, ...], intent: Intent, after: tuple[int, ...]
) -> None:
    names = "abcd"[: len(before)]
    expected = ShiftTraffic("shop", 2, tuple(zip(names, after, strict=True)))
    assert shift(intent, split(*zip(names, before, strict=True))) == commands.Act(expected)


@given(st.lists(st.integers(0, 100), min_size=2, max_size=6), st.sampled_from([True, False]))
def test_any_shift_adds_up_and_moves_nobody_the_wrong_way(raw: list[int], up: bool) -> None:  # noqa: FBT001
    weights = apportion_by_name(100, {str(place): weight for place, weight in enumerate(raw)})
    intent = Intent.TRAFFIC_UP if up else Intent.TRAFFIC_DOWN
    meant = shift(intent, split(*weights.items()), workload="shop-0")
    if isinstance(meant, Refusal):
        assert weights["0"] == (100 if up else 0)
        return
    assert isinstance(meant, commands.Act)
    assert isinstance(meant.action, ShiftTraffic)
    after = dict(meant.action.weights_percent)
    assert sum(after.values()) == 100
    assert 1 <= abs(after["0"] - weights["0"]) <= 10
    assert all(
        (after[name] <= weights[name]) is up or after[name] == weights[name] for name in after if name != "0"
    )


def test_a_shift_that_cannot_be_is_refused_with_a_sentence() -> None:
    assert shift(Intent.TRAFFIC_UP, split(("a", 100))) == Refusal(
        "shop-a shares no route with another workload, so it has no weight to change."
    )
    assert shift(Intent.TRAFFIC_UP, split(("a", 100), ("b", 0))) == Refusal(
        "shop-a already gets all of the traffic of shop[2] (split)."
    )
    assert shift(Intent.TRAFFIC_DOWN, split(("a", 0), ("b", 100))) == Refusal(
        "shop-a already gets none of the traffic of shop[2] (split)."
    )
    assert shift(Intent.TRAFFIC_DOWN, split(("a", 50), ("b", 50)), workload=None) == SELECT_FIRST


def test_a_workload_on_several_splits_is_asked_about() -> None:
    routes = (split(("a", 50), ("b", 50)), split(("a", 20), ("b", 80), index=3, name=None))
    question = shift(Intent.TRAFFIC_UP, *routes)
    assert isinstance(question, Prompt)
    assert question.title == "Shift traffic to shop-a on which route?"
    assert [(option.label, option.note) for option in question.options] == [
        ("shop[2] (split)", "a 60 %, b 40 %"),
        ("shop[3]", "a 30 %, b 70 %"),
    ]
    assert question.options[1].command == commands.Act(ShiftTraffic("shop", 3, (("a", 30), ("b", 70))))


@pytest.mark.parametrize("intent", Intent)
def test_before_the_run_only_the_mode_can_be_chosen(intent: Intent) -> None:
    assert (
        not isinstance(resolve_intent(intent, State(), workload=None, factor=1.0), Prompt)
        or intent is Intent.MODE
    )


def test_every_intent_has_a_key_and_every_key_is_another() -> None:
    actions = [key.action for key in KEYS]
    assert [f"intend('{intent}')" in actions for intent in Intent] == [True] * len(Intent)
    names = [name for key in KEYS for name in key.keys.split(",")]
    assert len(names) == len(set(names))


async def test_keys_do_nothing_behind_an_open_screen() -> None:
    assert await submitted(scripts.healthy(), "question_mark", "k", "space", "escape", "s") == [
        commands.StepPhase()
    ]


async def test_enter_opens_what_has_the_focus_and_escape_closes_it() -> None:
    app = MarskitApp(FakeRuntime(scripts.recovered()))
    async with app.run_test(size=(120, 40)) as pilot:
        titles = []
        for keys in (("enter",), ("tab", "enter"), ("shift+tab", "shift+tab", "enter")):
            await pilot.press(*keys)
            assert isinstance(app.screen, DocumentScreen)
            titles.append(app.screen.heading)
            await pilot.press("escape")
        assert titles == ["Analyse", "log", "orders"]


async def test_the_mouse_selects_phases_nodes_and_keys() -> None:
    runtime = FakeRuntime(scripts.healthy())
    app = MarskitApp(runtime)
    async with app.run_test(size=(120, 40)) as pilot:
        live = app.live
        await pilot.click("#rail", offset=(60, 2))
        assert live.rail.selected == "plan"
        hit = next(h for h in live.topology.drawing.hits if h.name == "payments")
        await pilot.click("#mesh", offset=(hit.x + 4, hit.y + 2))
        assert live.workload == "payments"
        assert live.series.view.service == "payments"
        await pilot.click("#keys", offset=(14, 0))
        await pilot.pause()
        assert runtime.commands == [commands.StepPhase()]


async def test_what_a_key_asks_can_be_answered_by_typing() -> None:
    assert await submitted(scripts.healthy(), "colon", *"planner", "space", *"hpa", "enter") == [
        commands.SetPlanner("hpa")
    ]
    assert await submitted(scripts.healthy(), "p", *"hp", "enter") == [commands.SetPlanner("hpa")]
    assert await submitted(scripts.healthy(), "k", *"musi", "enter") == [
        commands.Inject(KillReplica(scripts.MUSIC))
    ]


@pytest.mark.parametrize("name", [w.name for w in scripts.TOPOLOGY.workloads])
@pytest.mark.parametrize("part", [1, 3, 4, 6, 99])
async def test_the_name_of_a_workload_leads_to_it_and_changes_nothing(name: str, part: int) -> None:
    runtime = FakeRuntime(scripts.recovered())
    app = MarskitApp(runtime)
    async with app.run_test(size=(120, 40)) as pilot:
        # As fast as they can be typed: none is lost while the list opens.
        await pilot.press("colon", *name[:part].replace("-", "\x00").replace("\x00", "-"), "enter")
        await pilot.pause()
        assert runtime.commands == []
        assert isinstance(app.screen, DocumentScreen)
        if part == 99:
            assert app.live.topology.selected == name


WORDS = st.text(alphabet="abcdefghijklmnopqrstuvwxyz-0123456789", min_size=1, max_size=14)


@given(st.lists(WORDS, min_size=1, max_size=8, unique=True), st.data())
def test_no_name_finds_first_what_acts(names: list[str], data: st.DataObject) -> None:
    """Whatever a workload is called, as a verb of the program too, its name leads to it."""
    acts: list[Entry[object]] = [Entry(key.help, key, rank=Rank.ACTS) for key in KEYS]
    called = (*names, "kill", "undo", "clear")
    goes: list[Entry[object]] = [Entry(name, name, rank=Rank.GOES) for name in called]
    every = [*acts, *goes]
    name = data.draw(st.sampled_from([*names, "kill", "undo", "clear"]))
    start = data.draw(st.integers(0, len(name) - 1))
    for typed in (name, name[: start + 1], name[start:], name.upper()):
        assert found(every, typed)[0].rank is Rank.GOES
    assert found(every, name)[0].value == name


@given(WORDS)
def test_what_acts_must_be_spelt(typed: str) -> None:
    acts = [Entry(key.help, key, rank=Rank.ACTS) for key in KEYS]
    for entry in found(acts, typed):
        assert any(word.startswith(typed) for word in entry.label.casefold().replace("-", " ").split())


async def test_only_what_applies_now_can_be_found() -> None:
    labels = {}
    for scene in (scripts.starting, scripts.healthy, scripts.awaiting, scripts.recovered):
        app = MarskitApp(FakeRuntime(scene()))
        async with app.run_test(size=(120, 40)):
            labels[scene.__name__] = [entry.label for entry in entries(app)]
    assert labels["healthy"][1:5] == ["orders", "payments", scripts.FOOD, scripts.MUSIC]
    for key, scenes in {
        "a": {"awaiting"},
        "r": {"awaiting"},
        "R": {"awaiting"},
        "s": {"starting", "healthy", "recovered"},
        "u": {"recovered"},
        "x": {"recovered"},
        "L": {"starting", "healthy", "awaiting", "recovered"},
        # The mesh of these scenes is real: it has no pace.
        ",": set[str](),
        ".": set[str](),
    }.items():
        label = next(each.help for each in KEYS if each.shown == key)
        assert {name for name, found_ in labels.items() if label in found_} == scenes, key


@pytest.mark.parametrize(
    ("pace", "offered"), [(1.0, {",", "."}), (PACES[0], {"."}), (PACES[-1], {","}), (None, {","})]
)
def test_the_pace_of_a_twin_can_be_found(pace: float | None, offered: set[str]) -> None:
    state = scripts.healthy().state
    assert state.started is not None
    started = replace(state.started, capabilities=replace(state.started.capabilities, can_hold_time=True))
    state = replace(state, started=started, pace=pace)
    for key, intent in ((",", Intent.SLOWER), (".", Intent.FASTER)):
        assert applies(intent, state, workload=None, factor=1.0) == (key in offered)


async def test_a_picker_marks_what_holds_now() -> None:
    app = MarskitApp(FakeRuntime(scripts.healthy()))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("p")
        assert isinstance(app.screen, Picker)
        assert [option.note for option in app.screen.question.options] == ["", "now", ""]
