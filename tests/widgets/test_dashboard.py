"""A dashboard without a browser: what its panels show, and what the messages of a page do."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from typing import Any

import pytest

from marskit.domain import commands
from marskit.domain.commands import Command, CommandError
from marskit.domain.events import Event
from marskit.domain.records import Mode
from marskit.domain.state import State
from marskit.errors import UserError
from marskit.views.controls import Intent
from marskit.widgets.attendance import Patience
from marskit.widgets.dashboard import PANELS, Dashboard
from tests.tui import scripts

PATIENCE_S = 5.0


@dataclass
class Run:
    """A run that notes the commands it gets."""

    state: State = field(default_factory=lambda: scripts.healthy().state)
    commands: list[Command] = field(default_factory=list)
    refuse: str | None = None
    sinks: list[Callable[[Event], None]] = field(default_factory=list)

    def subscribe(self, sink: Callable[[Event], None]) -> None:
        self.sinks.append(sink)

    def unsubscribe(self, sink: Callable[[Event], None]) -> None:
        if sink in self.sinks:
            self.sinks.remove(sink)

    def submit(self, command: Command) -> "Future[None]":
        future: Future[None] = Future()
        if self.refuse:
            future.set_exception(CommandError(self.refuse))
        else:
            self.commands.append(command)
            future.set_result(None)
        return future


@dataclass
class Shown:
    """What a lab is to a dashboard."""

    runtime: Run = field(default_factory=Run)
    closing: list[Callable[[], object]] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)

    def at_close(self, callback: Callable[[], object]) -> None:
        self.closing.append(callback)

    def close(self) -> None:
        self.closed.set()


class Words(HTMLParser):
    """The text of a picture, and the wishes that it offers."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.wishes: set[str] = set()
        self.options: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if wish := named.get("data-do"):
            self.wishes.add(wish)
        if option := named.get("data-option"):
            self.options.append(option)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture
def shown() -> Shown:
    return Shown()


@pytest.fixture
def dashboard(shown: Shown) -> Iterator[Dashboard]:
    made = Dashboard(shown)
    yield made
    made.close()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)


def picture(dashboard: Dashboard, name: str) -> Words:
    return Words(dashboard.panels[name].picture(dashboard.state))


def say(dashboard: Dashboard, panel: str, **message: Any) -> None:
    dashboard.panels[panel]._take(None, message, None)


@pytest.mark.parametrize(
    "scene",
    [scripts.starting, scripts.up, scripts.healthy, scripts.violated, scripts.awaiting, scripts.recovered,
     scripts.failed],
)  # fmt: skip
def test_every_panel_draws_every_scene(scene: Callable[[], scripts.Story], shown: Shown) -> None:
    shown.runtime.state = scene().state
    dashboard = Dashboard(shown)
    pictures = {name: panel.picture(shown.runtime.state) for name, panel in dashboard.panels.items()}
    dashboard.close()
    assert set(pictures) == set(PANELS) - {"transport"}
    for html in pictures.values():
        assert "<script" not in html
        assert "None" not in "".join(Words(html).text)


def test_a_click_on_a_node_shows_its_service_and_one_on_a_phase_its_report(dashboard: Dashboard) -> None:
    assert "orders" in picture(dashboard, "series").text
    say(dashboard, "topology", node="payments")
    assert "payments" in picture(dashboard, "series").text
    say(dashboard, "rail", phase="knowledge")
    assert any(text.startswith("knowledge") for text in picture(dashboard, "detail").text)


def test_a_button_sends_its_command(dashboard: Dashboard, shown: Shown) -> None:
    say(dashboard, "controls", do="run", did=1)
    say(dashboard, "controls", do="step_phase", did=2)
    assert shown.runtime.commands == [commands.Pause(), commands.StepPhase()]


def test_a_question_takes_the_place_of_the_buttons_until_it_is_answered(
    dashboard: Dashboard, shown: Shown
) -> None:
    say(dashboard, "controls", do="mode")
    asked = picture(dashboard, "controls")
    assert "What may the loop do on its own?" in asked.text
    assert asked.wishes == set()
    say(dashboard, "controls", option="1")
    assert shown.runtime.commands == [commands.SetMode(Mode.RECOMMEND)]
    assert "mode" in picture(dashboard, "controls").wishes
    say(dashboard, "controls", do="mode")
    say(dashboard, "controls", option="-1")
    assert len(shown.runtime.commands) == 1


def test_a_refusal_is_told_in_its_sentence(dashboard: Dashboard, shown: Shown) -> None:
    say(dashboard, "controls", do="approve")
    assert "No plan is awaiting approval." in picture(dashboard, "controls").text
    shown.runtime.refuse = "Its cool-down is 10 s."
    say(dashboard, "controls", do="step_cycle")
    assert "Its cool-down is 10 s." in picture(dashboard, "controls").text


def test_a_plan_is_approved_as_it_was_drawn(shown: Shown) -> None:
    shown.runtime.state = scripts.awaiting().state
    dashboard = Dashboard(shown)
    controls = dashboard.panels["controls"]
    until(lambda: controls.sent > 0)
    assert shown.runtime.state.cycle is not None
    newer = replace(shown.runtime.state.cycle, revision=2)
    shown.runtime.state = replace(shown.runtime.state, cycle=newer)
    say(dashboard, "controls", do="approve")
    dashboard.close()
    assert shown.runtime.commands == [commands.Approve(newer.id, 1)]


def test_what_is_offered_is_what_the_terminal_offers(dashboard: Dashboard, shown: Shown) -> None:
    assert {"step_phase", "step_cycle"} <= picture(dashboard, "controls").wishes
    shown.runtime.state = scripts.awaiting().state
    offered = picture(dashboard, "controls").wishes
    assert {"approve", "reject", "replan"} <= offered
    assert not {"step_phase", "step_cycle"} & offered
    assert offered <= {str(intent) for intent in Intent}


def test_an_unknown_panel_is_refused_by_name(shown: Shown) -> None:
    with pytest.raises(UserError, match='There is no panel "curves"; there are header,'):
        Dashboard(shown, "curves")


def test_what_a_person_or_a_manifest_wrote_cannot_become_markup(shown: Shown) -> None:
    state = shown.runtime.state
    assert state.started is not None
    started = replace(
        state.started, scenario=replace(state.started.scenario, name="<script>alert(1)</script>")
    )
    shown.runtime.state = replace(state, started=started)
    dashboard = Dashboard(shown)
    html = "".join(panel.picture(shown.runtime.state) for panel in dashboard.panels.values())
    dashboard.close()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_a_saved_notebook_keeps_the_pictures_and_no_button(dashboard: Dashboard) -> None:
    bundle = dashboard._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "application/vnd.jupyter.widget-view+json" in data
    saved = Words(data["text/html"])
    assert "orders" in saved.text
    assert not {"run", "step_phase"} & saved.wishes


def test_nobody_looking_pauses_the_run_and_later_closes_it(shown: Shown) -> None:
    dashboard = Dashboard(shown, "header", patience=Patience(pause_after_s=0.5, close_after_s=1.5))
    until(lambda: shown.runtime.commands == [commands.Pause()])
    assert "no page has shown it" in dashboard.hand.notice
    assert shown.closed.wait(PATIENCE_S)
    dashboard.close()


def test_the_end_of_the_lab_ends_the_panels_and_the_next_dashboard_frees_them(shown: Shown) -> None:
    dashboard = Dashboard(shown, "header")
    header = dashboard.panels["header"]
    for callback in shown.closing:
        callback()
    assert shown.runtime.sinks == []
    assert header.comm is not None
    other = Dashboard(Shown(), "header")
    assert header.comm is None
    other.close()


def test_a_dashboard_that_nobody_sees_leaves_a_run_alone_that_another_one_shows(shown: Shown) -> None:
    patience = Patience(pause_after_s=1.0, close_after_s=2.0)
    unseen, seen = (Dashboard(shown, "header", patience=patience) for _ in range(2))
    end_s = time.monotonic() + 3.5
    while time.monotonic() < end_s:
        say(seen, "header", here=True)
        time.sleep(0.1)
    assert shown.runtime.commands == []
    assert not shown.closed.is_set()
    until(lambda: commands.Pause() in shown.runtime.commands)
    unseen.close()
    seen.close()


def test_a_panel_without_a_picture_says_why_as_text(dashboard: Dashboard) -> None:
    said = dashboard.panels["header"].failed(ValueError("<b>orders</b>"))
    assert "header cannot be drawn: ValueError: <b>orders</b>" in Words(said).text
