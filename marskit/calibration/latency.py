"""Hops and coefficients of variation of service times, from windows with hardly any queueing.

A call takes its hop, a service time, and its further calls. With the mean service time known, the distance
from p50 to p95 determines the coefficient of variation, and then p50 determines the hop: the method of
quantiles, with as many equations as unknowns.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import NamedTuple

from marskit.calibration.estimators import LEAST, inlying_rows
from marskit.calibration.path import quantile_ms, unqueued_ms
from marskit.mesh.simulator.card import Fitted
from marskit.mesh.simulator.model import Call, Distribution, TwinModel

LARGEST_CV = 3.0
TELLING = 0.1
"""Relative standard error above which a coefficient of variation counts as undetermined."""
_BISECTIONS = 30
_STEP = 0.01


class Quantiles(NamedTuple):
    """The quantiles of one edge in one window, less the effect of queueing."""

    n: int
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class EdgeFit:
    """The fit of one edge."""

    hop_ms: Fitted
    service_cv: Fitted | None


def fit_edge(
    model: TwinModel, call: Call, workload: str, windows: Sequence[Quantiles], service: Fitted | None
) -> EdgeFit | None:
    """The hop of the call and the coefficient of variation of its workload; all further calls are known.

    Args:
        model: Contains the fitted mean service times, and the fitted numbers of all that `workload` calls.
        call: The call whose hop to fit.
        workload: The workload that serves the call.
        windows: Of that edge alone.
        service: The fitted mean service time of `workload`, whose uncertainty is propagated.
    """
    kept = (
        [windows[index] for index in inlying_rows([(w.p50_ms, w.p95_ms) for w in windows])] if windows else []
    )
    if len(kept) < LEAST:
        return None
    edge = _Edge(model, call, workload, kept)
    found = edge.both() if model.station(workload).distribution is Distribution.LOGNORMAL else None
    if found is None:
        return EdgeFit(edge.hop_alone(), None)
    hop, cv = found
    if service is not None and service.stderr > 0:
        moved = _Edge(
            _with(model, workload, service_ms=service.value + service.stderr), call, workload, kept
        ).both()
        if moved is not None:
            hop = _wider(hop, moved[0].value - hop.value)
            cv = _wider(cv, moved[1].value - cv.value)
    if cv.stderr > TELLING * cv.value:
        return EdgeFit(edge.hop_alone(), None)
    return EdgeFit(hop, cv)


@dataclass(frozen=True, slots=True)
class _Edge:
    """One edge, its windows, and the model's latencies for it."""

    model: TwinModel
    call: Call
    workload: str
    windows: Sequence[Quantiles]

    def both(self) -> tuple[Fitted, Fitted] | None:
        """Hop and coefficient of variation, or None if no coefficient explains the quantiles."""
        wanted = self._mean(lambda w: w.p95_ms - w.p50_ms)
        low, high = 0.0, LARGEST_CV
        if not self._spread(low) < wanted < self._spread(high):
            return None
        for _ in range(_BISECTIONS):
            cv = (low + high) / 2
            low, high = (cv, high) if self._spread(cv) < wanted else (low, cv)
        cv = (low + high) / 2
        above, below = self._rising(cv + _STEP), self._rising(max(0.0, cv - _STEP))
        width = cv + _STEP - max(0.0, cv - _STEP)
        per_cv_50 = (self._p50(above) - self._p50(below)) / width
        per_cv_spread = (self._spread_of(above) - self._spread_of(below)) / width
        if per_cv_spread <= 0:
            return None
        rising = self._rising(cv)
        hop_ms = self._mean(lambda w: w.p50_ms) - self._p50(rising)
        off_50 = [w.p50_ms - hop_ms - quantile_ms(rising, 0.5, w.n) for w in self.windows]
        off_cv = [
            (w.p95_ms - w.p50_ms - quantile_ms(rising, 0.95, w.n) + quantile_ms(rising, 0.5, w.n))
            / per_cv_spread
            for w in self.windows
        ]
        off_hop = [half - per_cv_50 * off for half, off in zip(off_50, off_cv, strict=True)]
        n = len(self.windows)
        return Fitted(hop_ms, self._stderr(off_hop), n), Fitted(cv, self._stderr(off_cv), n)

    def hop_alone(self) -> Fitted:
        """The hop from the medians, with the model's coefficient of variation."""
        rising = self._rising(self.model.station(self.workload).service_cv)
        hop_ms = self._mean(lambda w: w.p50_ms) - self._p50(rising)
        off = [w.p50_ms - hop_ms - quantile_ms(rising, 0.5, w.n) for w in self.windows]
        return Fitted(hop_ms, self._stderr(off), len(self.windows))

    def _rising(self, cv: float) -> list[float]:
        """Latencies without the hop, in rising order."""
        return unqueued_ms(
            _with(self.model, self.workload, service_cv=cv), replace(self.call, hop_ms=0.0), self.workload
        )

    def _spread(self, cv: float) -> float:
        return self._spread_of(self._rising(cv))

    def _spread_of(self, rising: Sequence[float]) -> float:
        return self._mean(lambda w: quantile_ms(rising, 0.95, w.n)) - self._p50(rising)

    def _p50(self, rising: Sequence[float]) -> float:
        return self._mean(lambda w: quantile_ms(rising, 0.5, w.n))

    def _mean(self, of: Callable[[Quantiles], float]) -> float:
        """The mean over the windows, weighted by their requests, which make their quantiles accurate."""
        return sum(w.n * of(w) for w in self.windows) / sum(w.n for w in self.windows)

    def _stderr(self, off: Sequence[float]) -> float:
        """The standard error of such a mean, from the deviations of the windows."""
        squares = sum((w.n * each) ** 2 for w, each in zip(self.windows, off, strict=True))
        count = len(self.windows)
        return sqrt(squares * count / (count - 1)) / sum(w.n for w in self.windows)


def _with(
    model: TwinModel, workload: str, *, service_ms: float | None = None, service_cv: float | None = None
) -> TwinModel:
    return replace(
        model,
        stations=tuple(
            replace(
                station,
                service_ms=station.service_ms if service_ms is None else service_ms,
                service_cv=station.service_cv if service_cv is None else service_cv,
            )
            if station.workload == workload
            else station
            for station in model.stations
        ),
    )


def _wider(fit: Fitted, by: float) -> Fitted:
    return replace(fit, stderr=sqrt(fit.stderr**2 + by**2))
