"""The bridge: one writer, no faster than it is seen, and never silent."""

import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import pytest

from marskit.domain.commands import Command
from marskit.domain.events import Event, Observed
from marskit.domain.loop_events import RunningChanged
from marskit.domain.state import State
from marskit.widgets.bridge import TELEMETRY_S, WINDOW, Bridge
from tests.tui import scripts

WHO: contextvars.ContextVar[str] = contextvars.ContextVar("WHO", default="nobody")
PATIENCE_S = 5.0


@dataclass
class Numbers:
    """A source whose state is only a number, and that tells what its sinks would be told."""

    state: State = field(default_factory=State)
    sinks: list[Callable[[Event], None]] = field(default_factory=list)

    def subscribe(self, sink: Callable[[Event], None]) -> None:
        self.sinks.append(sink)

    def unsubscribe(self, sink: Callable[[Event], None]) -> None:
        if sink in self.sinks:
            self.sinks.remove(sink)

    def submit(self, command: Command) -> "Future[None]":
        raise AssertionError(command)

    def tell(self, now_s: float, event: Event) -> None:
        self.state = State(now_s=now_s)
        for sink in list(self.sinks):
            sink(event)


@dataclass
class Sheet:
    """A panel that notes what it is given, from which thread and in which context."""

    sees: bool = True
    sent: int = 0
    acknowledged: int = 0
    pictures: list[str] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    beats: int = 0
    unbound: int = 0
    threads: set[str] = field(default_factory=set)
    who: str = ""
    fails_at_s: tuple[float, ...] = ()

    def picture(self, state: State) -> str:
        if state.now_s in self.fails_at_s:
            raise ValueError("no such service")
        return f"at {state.now_s:g}"

    def failed(self, error: Exception) -> str:
        return f"failed: {error}"

    def put(self, picture: str, state: State) -> None:
        self.sent += 1
        self.pictures.append(picture)
        self.times_s.append(time.monotonic())
        self.threads.add(threading.current_thread().name)
        self.who = WHO.get()
        if self.sees:
            self.acknowledged = self.sent

    def unbind(self) -> None:
        self.unbound += 1

    def beat(self) -> None:
        self.beats += 1
        self.threads.add(threading.current_thread().name)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.005)


@pytest.fixture
def source() -> Numbers:
    return Numbers()


@pytest.fixture
def sheet() -> Sheet:
    return Sheet()


@pytest.fixture
def bridge(source: Numbers, sheet: Sheet) -> Iterator[Bridge]:
    made = Bridge(source, (sheet,))
    until(lambda: sheet.pictures == ["at 0"])
    sheet.pictures.clear()
    sheet.times_s.clear()
    yield made
    made.close()


def observed() -> Observed:
    return next(event for event in scripts.healthy().events if isinstance(event, Observed))


def test_telemetry_is_drawn_at_most_five_times_a_second_and_the_newest_wins(
    bridge: Bridge, source: Numbers, sheet: Sheet
) -> None:
    event, end_s = observed(), time.monotonic() + 1.0
    count = 0
    while time.monotonic() < end_s:
        count += 1
        source.tell(count, event)
        time.sleep(0.01)
    until(lambda: sheet.pictures[-1:] == [f"at {count}"])
    gaps_s = [later - before for before, later in zip(sheet.times_s, sheet.times_s[1:], strict=False)]
    assert len(sheet.pictures) <= 8
    assert min(gaps_s) >= 0.9 * TELEMETRY_S


def test_what_the_loop_does_is_not_kept_waiting(bridge: Bridge, source: Numbers, sheet: Sheet) -> None:
    source.tell(1, observed())
    until(lambda: sheet.pictures == ["at 1"])
    source.tell(2, RunningChanged(2.0, True))
    until(lambda: sheet.pictures == ["at 1", "at 2"])
    assert sheet.times_s[1] - sheet.times_s[0] < TELEMETRY_S


def test_what_has_not_changed_is_not_sent(bridge: Bridge, source: Numbers, sheet: Sheet) -> None:
    for _ in range(5):
        source.tell(1, RunningChanged(1.0, True))
        time.sleep(0.08)
    assert sheet.pictures == ["at 1"]


def test_a_page_that_does_not_answer_is_not_flooded(source: Numbers) -> None:
    blind = Sheet(sees=False)
    bridge = Bridge(source, (blind,))
    end_s, count = time.monotonic() + 2.5, 0
    while time.monotonic() < end_s:
        count += 1
        source.tell(count, RunningChanged(float(count), True))
        time.sleep(0.01)
    bridge.close()
    # The window, one more a second, and the last state.
    assert WINDOW <= blind.sent <= WINDOW + 4
    assert bridge.held > 0


def test_what_was_held_back_is_shown_once_the_page_answers(source: Numbers) -> None:
    blind = Sheet(sees=False)
    bridge = Bridge(source, (blind,))
    for count in range(1, 60):
        source.tell(count, RunningChanged(float(count), True))
        time.sleep(0.02)
    blind.sees, blind.acknowledged = True, blind.sent
    bridge.poke()
    until(lambda: blind.pictures[-1] == "at 59")
    bridge.close()


def test_a_sign_of_life_comes_while_nothing_happens(bridge: Bridge, sheet: Sheet) -> None:
    until(lambda: sheet.beats >= 2)


def test_only_the_thread_of_the_bridge_writes(bridge: Bridge, source: Numbers, sheet: Sheet) -> None:
    source.tell(1, observed())
    until(lambda: sheet.beats >= 1 and bool(sheet.pictures))
    bridge.poke()
    assert sheet.threads == {"marskit-panels"}


def test_pictures_are_sent_as_an_answer_to_the_newest_message(
    bridge: Bridge, source: Numbers, sheet: Sheet
) -> None:
    def message() -> None:
        WHO.set("the page")
        bridge.follow()

    contextvars.copy_context().run(message)
    source.tell(1, observed())
    until(lambda: bool(sheet.pictures))
    assert sheet.who == "the page"
    assert sheet.unbound == 1  # for the first picture, before the page was heard
    assert WHO.get() == "nobody"


def test_the_last_state_is_drawn_at_the_end_and_nothing_after_it(source: Numbers, sheet: Sheet) -> None:
    bridge = Bridge(source, (sheet,))
    source.state = State(now_s=7.0)
    bridge.close()
    assert sheet.pictures[-1] == "at 7"
    assert source.sinks == []
    bridge.close()


def test_what_is_asked_every_second_is_called(source: Numbers, sheet: Sheet) -> None:
    calls: list[Any] = []
    bridge = Bridge(source, (sheet,), lambda: calls.append(None))
    until(lambda: len(calls) >= 2)
    bridge.close()


def test_a_panel_that_cannot_be_drawn_says_so_and_the_others_go_on(source: Numbers) -> None:
    broken, sound = Sheet(fails_at_s=(1.0,)), Sheet()
    bridge = Bridge(source, (broken, sound))
    until(lambda: sound.pictures == ["at 0"])
    source.tell(1, RunningChanged(1.0, True))
    until(lambda: sound.pictures == ["at 0", "at 1"])
    source.tell(2, RunningChanged(2.0, True))
    until(lambda: sound.pictures == ["at 0", "at 1", "at 2"])
    bridge.close()
    assert broken.pictures == ["at 0", "failed: no such service", "at 2"]
