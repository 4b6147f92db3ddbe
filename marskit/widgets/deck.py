"""What moves a recording in a notebook: the moves of a person, and the clock while it plays."""

import threading
import time
from collections.abc import Callable, Mapping

from marskit.replay.player import Player
from marskit.replay.timeline import Stop
from marskit.views.controls import Move
from marskit.views.replay import TransportView, marks_of, no_stop, transport_view

TICK_S = 0.1
"""Interval between moves while it plays, in seconds."""
_BACK: Mapping[Move, Stop] = {
    Move.EVENT_BACK: Stop.EVENT,
    Move.PHASE_BACK: Stop.PHASE,
    Move.CYCLE_BACK: Stop.CYCLE,
    Move.VIOLATION_BACK: Stop.VIOLATION,
    Move.ACTION_BACK: Stop.ACTION,
}
_ON: Mapping[Move, Stop] = {
    Move.EVENT_ON: Stop.EVENT,
    Move.PHASE_ON: Stop.PHASE,
    Move.CYCLE_ON: Stop.CYCLE,
    Move.VIOLATION_ON: Stop.VIOLATION,
    Move.ACTION_ON: Stop.ACTION,
}
MOVES = frozenset({*_BACK, *_ON, Move.PLAY, Move.PLAY_SLOWER, Move.PLAY_FASTER, Move.BEGINNING, Move.END})
"""The moves that a deck can make."""


class Deck:
    """Moves one player; may be used from any thread."""

    def __init__(self, player: Player, changed: Callable[[], None]) -> None:
        """`changed` is called whenever there is something else to be drawn; it only hands off."""
        self._player = player
        self._changed = changed
        self._marks = marks_of(player.timeline)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._note = ""
        self._clock: threading.Thread | None = None

    @property
    def view(self) -> TransportView:
        """The present position."""
        with self._lock:
            return transport_view(self._player, self._marks, self._note)

    def do(self, move: Move) -> None:
        """Make a move; that there is nothing to move to is noted."""
        with self._lock:
            self._note = ""
            self._make(move)
        self._changed()

    def go_to(self, share: float) -> None:
        """Jump to that share of the run's time, 0 to 1."""
        with self._lock:
            self._note = ""
            self._player.go_to(min(max(share, 0.0), 1.0) * self._player.timeline.end_s)
        self._changed()

    def pause(self) -> None:
        """Stop playing for now."""
        with self._lock:
            if self._player.playing:
                self._player.play(on=False)

    def close(self) -> None:
        """Stop playing for good. Idempotent."""
        self._over.set()
        self.pause()

    def _make(self, move: Move) -> None:
        player = self._player
        match move:
            case Move.PLAY:
                player.play(on=not player.playing)
                if player.playing and (self._clock is None or not self._clock.is_alive()):
                    self._clock = threading.Thread(target=self._play, name="marskit-replay", daemon=True)
                    self._clock.start()
            case Move.PLAY_SLOWER | Move.PLAY_FASTER:
                player.faster(back=move is Move.PLAY_SLOWER)
            case Move.BEGINNING:
                player.go(1)
            case Move.END:
                player.go(len(player.timeline))
            case _:
                back = move in _BACK
                stop = _BACK[move] if back else _ON[move]
                if not player.next(stop, back=back):
                    self._note = no_stop(stop, back=back).text

    def _play(self) -> None:
        before_s = time.monotonic()
        while not self._over.wait(TICK_S):
            now_s = time.monotonic()
            with self._lock:
                # After a stop of the whole process, time goes on from here.
                self._player.advance(min(now_s - before_s, 5 * TICK_S))
                if not self._player.playing:
                    self._clock = None
                    break
            before_s = now_s
            self._changed()
        self._changed()
