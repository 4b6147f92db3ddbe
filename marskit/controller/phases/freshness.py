"""How old the newest telemetry is, and whether anything may be decided on it."""

from dataclasses import dataclass

from marskit.controller.bus import Bus
from marskit.domain.events import Source, TelemetryLost, TelemetryRestored
from marskit.timing.clock import Clock

LEAST_LIMIT_S = 2.0
"""Age up to which telemetry is never too old, in seconds."""
PERIODS = 2.0
"""Number of sample periods after which telemetry is too old."""
_WHAT = {
    Source.MESH: "The mesh's telemetry",
    Source.LOAD: "The load generator's report",
}


@dataclass(slots=True)
class _Newest:
    """The newest data of one source."""

    until_s: float
    why: str = ""
    """Why the last attempt to read gave none; empty if it did."""
    lost: bool = False


class Freshness:
    """Knows how old the data of each source are, and tells when they are too old and when they are back."""

    def __init__(self, bus: Bus, clock: Clock, period_s: float) -> None:
        """`period_s` is the time from one attempt to read to the next."""
        self.limit_s = max(LEAST_LIMIT_S, PERIODS * period_s)
        """Age above which nothing is decided on the data, in seconds."""
        self._bus = bus
        self._clock = clock
        self._newest: dict[Source, _Newest] = {}

    def begin(self) -> None:
        """The first attempt to read begins now."""
        for source in Source:
            self._newest.setdefault(source, _Newest(self._clock.now()))

    def read(self, source: Source, until_s: float) -> None:
        """Data arrived that reach up to then."""
        newest = self._newest[source]
        newest.until_s, newest.why = max(newest.until_s, until_s), ""

    def failed(self, source: Source, why: str) -> None:
        """An attempt to read gave no usable data."""
        self._newest[source].why = why

    @property
    def stale(self) -> str | None:
        """Why nothing may be decided now, in one sentence; None if the data of every source are fresh."""
        now_s = self._clock.now()
        for source, newest in self._newest.items():
            if now_s - newest.until_s > self.limit_s:
                return _sentence(source, newest, now_s)
        return None

    def has_news_of_loss(self) -> bool:
        """Whether `tell` would report a loss."""
        oldest_s = self._clock.now() - self.limit_s
        return any(newest.until_s < oldest_s and not newest.lost for newest in self._newest.values())

    def tell(self) -> None:
        """Publish what was lost or restored since the last call."""
        now_s = self._clock.now()
        for source, newest in self._newest.items():
            age_s = now_s - newest.until_s
            if age_s > self.limit_s and not newest.lost:
                newest.lost = True
                sentence = f"{_sentence(source, newest, now_s)} Nothing is planned until it is back."
                self._bus.publish(TelemetryLost(now_s, source, newest.until_s, sentence))
            elif age_s <= self.limit_s and newest.lost:
                newest.lost = False
                lost = next((each for each in self._bus.state.lost if each.source is source), None)
                lost_s = newest.until_s - (lost.since_s if lost else newest.until_s)
                sentence = f"{_WHAT[source]} is back after {lost_s:.1f} s."
                self._bus.publish(TelemetryRestored(now_s, source, lost_s, sentence))


def _sentence(source: Source, newest: _Newest, now_s: float) -> str:
    why = f": {newest.why.rstrip('.')}" if newest.why else ""
    return f"{_WHAT[source]} is {now_s - newest.until_s:.1f} s old{why}."
