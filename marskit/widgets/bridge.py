"""The one writer of all panels of a dashboard: states in, pictures out, never faster than they are seen.

Messages of a comm come back where the comm last sent from. So the bridge sends in the context of the newest
message from the page, and clicks are answered while a cell of the notebook runs.
"""

import contextvars
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from marskit.domain.events import Event, Observed
from marskit.domain.state import State
from marskit.widgets.source import Source

log = logging.getLogger(__name__)

TELEMETRY_S = 0.2
"""Shortest time between two pictures of telemetry, in seconds."""
FRAME_S = 0.05
"""Shortest time between any two pictures, in seconds."""
BEAT_S = 1.0
"""Longest time without a sign of life, in seconds."""
WINDOW = 10
"""Most pictures of a panel that the page has not acknowledged."""
LOST_S = 1.0
"""Time after which one more picture is sent all the same, in seconds."""


class Canvas(Protocol):
    """A panel, as far as the bridge knows it."""

    sent: int
    """Number of its newest picture."""
    acknowledged: int
    """Number of the newest picture that the page has confirmed."""

    def picture(self, state: State) -> str:
        """Its picture of a state, as HTML."""
        ...

    def failed(self, error: Exception) -> str:
        """What it shows when its picture cannot be made, as HTML."""
        ...

    def put(self, picture: str, state: State) -> None:
        """Send the picture of that state to the page and count it."""
        ...

    def beat(self) -> None:
        """Send a sign of life to the page."""
        ...

    def unbind(self) -> None:
        """Let messages of the page come in wherever the page sends them, not where the panel sent from."""
        ...


class Bridge:
    """A thread that draws the panels whenever there is news."""

    def __init__(
        self, source: Source, panels: Sequence[Canvas], every_beat: Callable[[], None] = lambda: None
    ) -> None:
        """`every_beat` is called about once a second, on the bridge's thread."""
        self._source = source
        self._panels = tuple(panels)
        self._every_beat = every_beat
        self._news, self._urgent = threading.Event(), threading.Event()
        self._over = False
        self._context = contextvars.copy_context()
        self._is_answering = False
        """Whether the page has been heard: until then, what is sent answers a cell, which may take long."""
        self._last: dict[int, str] = {}
        self._sent_at_s = dict.fromkeys(range(len(self._panels)), float("-inf"))
        self.held = 0
        """Pictures that were left out because the page was behind."""
        self._news.set()
        source.subscribe(self._sink)
        self._thread = threading.Thread(target=self._run, name="marskit-panels", daemon=True)
        self._thread.start()

    def follow(self) -> None:
        """Send from now on as an answer to the message that is being handled on this thread."""
        self._context, self._is_answering = contextvars.copy_context(), True

    def poke(self) -> None:
        """Draw at once: a selection or an acknowledgement has changed what is to be shown."""
        self._urgent.set()
        self._news.set()

    def close(self, timeout_s: float = 2.0) -> None:
        """Draw the last state and end. Idempotent; does not wait on the bridge's own thread."""
        self._source.unsubscribe(self._sink)
        self._over = True
        self.poke()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout_s)

    def _sink(self, event: Event) -> None:
        """On the source's thread: hand off only."""
        if not isinstance(event, Observed):
            self._urgent.set()
        self._news.set()

    def _run(self) -> None:
        beat_at_s = time.monotonic()
        while not self._over:
            self._news.wait(BEAT_S)
            if self._news.is_set():
                self._news.clear()
                self._urgent.clear()
                begun_s = time.monotonic()
                self._draw()
                time.sleep(max(0.0, FRAME_S - (time.monotonic() - begun_s)))
                self._urgent.wait(max(0.0, TELEMETRY_S - (time.monotonic() - begun_s)))
            if time.monotonic() - beat_at_s >= BEAT_S:
                beat_at_s = time.monotonic()
                self._every_beat()
                self._beat()
        self._draw()

    def _draw(self) -> None:
        state = self._source.state
        for number, panel in enumerate(self._panels):
            if panel.sent - panel.acknowledged >= WINDOW and (
                time.monotonic() - self._sent_at_s[number] < LOST_S
            ):
                self.held += 1
                continue
            error: Exception | None = None
            try:
                picture = panel.picture(state)
            except Exception as raised:  # one panel must not stop the others
                error, picture = raised, panel.failed(raised)
            if picture == self._last.get(number):
                continue
            if error is not None:
                log.error("%s cannot be drawn", type(panel).__name__, exc_info=error)
            self._last[number] = picture
            self._sent_at_s[number] = time.monotonic()
            self._send(panel, panel.put, picture, state)

    def _beat(self) -> None:
        now_s = time.monotonic()
        for number, panel in enumerate(self._panels):
            if panel.sent - panel.acknowledged >= WINDOW:
                # What was held back is sent once it may be.
                self._news.set()
            elif now_s - self._sent_at_s[number] >= BEAT_S:
                self._send(panel, panel.beat)

    def _send(self, panel: Canvas, what: Callable[..., None], *arguments: str | State) -> None:
        self._context.copy().run(what, *arguments)
        if not self._is_answering:
            panel.unbind()
