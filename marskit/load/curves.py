"""The shapes that load takes over time: requests per second as a function of scenario seconds.

Seconds are scenario seconds from the scenario's beginning; rates are per real second. A curve is evaluated
only within the scenario's duration.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Steady:
    """The same rate all the time."""

    base_requests_per_s: float

    @property
    def highest_requests_per_s(self) -> float:
        """An upper bound of the curve."""
        return self.base_requests_per_s

    def rate_at(self, t_s: float) -> float:
        """Requests per second at that time."""
        return self.base_requests_per_s


@dataclass(frozen=True, slots=True)
class Ramp:
    """From base to peak in a straight line, constant before and after."""

    base_requests_per_s: float
    peak_requests_per_s: float
    from_s: float
    until_s: float

    @property
    def highest_requests_per_s(self) -> float:
        """An upper bound of the curve."""
        return max(self.base_requests_per_s, self.peak_requests_per_s)

    def rate_at(self, t_s: float) -> float:
        """Requests per second at that time."""
        done = (t_s - self.from_s) / (self.until_s - self.from_s)
        return _between(self.base_requests_per_s, self.peak_requests_per_s, min(1.0, max(0.0, done)))


@dataclass(frozen=True, slots=True)
class Diurnal:
    """Day after day: base at night, peak at `peak_at_s`, a cosine between."""

    base_requests_per_s: float
    peak_requests_per_s: float
    period_s: float
    peak_at_s: float

    @property
    def highest_requests_per_s(self) -> float:
        """An upper bound of the curve."""
        return max(self.base_requests_per_s, self.peak_requests_per_s)

    def rate_at(self, t_s: float) -> float:
        """Requests per second at that time."""
        daylight = (1 + math.cos(2 * math.pi * (t_s - self.peak_at_s) / self.period_s)) / 2
        return _between(self.base_requests_per_s, self.peak_requests_per_s, daylight)


@dataclass(frozen=True, slots=True)
class Spike:
    """Base, with a peak in between, whose edges are `edge_s` long."""

    base_requests_per_s: float
    peak_requests_per_s: float
    from_s: float
    until_s: float
    edge_s: float

    @property
    def highest_requests_per_s(self) -> float:
        """An upper bound of the curve."""
        return max(self.base_requests_per_s, self.peak_requests_per_s)

    def rate_at(self, t_s: float) -> float:
        """Requests per second at that time."""
        inside_s = min(t_s - self.from_s, self.until_s - t_s)
        if inside_s < 0:
            return self.base_requests_per_s
        risen = 1.0 if inside_s >= self.edge_s else inside_s / self.edge_s
        return _between(self.base_requests_per_s, self.peak_requests_per_s, risen)


@dataclass(frozen=True, slots=True)
class FlashCrowd:
    """Base, then peak at once, then a slow decline: the excess falls to a third in about `decay_s`."""

    base_requests_per_s: float
    peak_requests_per_s: float
    at_s: float
    decay_s: float

    @property
    def highest_requests_per_s(self) -> float:
        """An upper bound of the curve."""
        return max(self.base_requests_per_s, self.peak_requests_per_s)

    def rate_at(self, t_s: float) -> float:
        """Requests per second at that time."""
        if t_s < self.at_s:
            return self.base_requests_per_s
        left = math.exp(-(t_s - self.at_s) / self.decay_s)
        return _between(self.base_requests_per_s, self.peak_requests_per_s, left)


@dataclass(frozen=True, slots=True)
class OnOff:
    """Bursts from `from_s` on: peak for the first `on_s` of every period, base for the rest and before."""

    base_requests_per_s: float
    peak_requests_per_s: float
    period_s: float
    on_s: float
    from_s: float = 0.0

    @property
    def highest_requests_per_s(self) -> float:
        """An upper bound of the curve."""
        return max(self.base_requests_per_s, self.peak_requests_per_s)

    def rate_at(self, t_s: float) -> float:
        """Requests per second at that time."""
        on = t_s >= self.from_s and (t_s - self.from_s) % self.period_s < self.on_s
        return self.peak_requests_per_s if on else self.base_requests_per_s


@dataclass(frozen=True, slots=True)
class Trace:
    """A recorded rate, in straight lines between the points and constant outside them."""

    times_s: tuple[float, ...]
    """Strictly increasing."""
    rates_per_s: tuple[float, ...]
    """One for each time."""

    @property
    def highest_requests_per_s(self) -> float:
        """An upper bound of the curve."""
        return max(self.rates_per_s)

    def rate_at(self, t_s: float) -> float:
        """Requests per second at that time."""
        after = bisect_right(self.times_s, t_s)
        if after == 0:
            return self.rates_per_s[0]
        if after == len(self.times_s):
            return self.rates_per_s[-1]
        since = after - 1
        share = (t_s - self.times_s[since]) / (self.times_s[after] - self.times_s[since])
        return _between(self.rates_per_s[since], self.rates_per_s[after], share)


Curve = Steady | Ramp | Diurnal | Spike | FlashCrowd | OnOff | Trace


def _between(base: float, peak: float, share: float) -> float:
    return base + (peak - base) * share
